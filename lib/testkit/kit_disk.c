/* The disk of a device: one VFS for all of its processes. */
#include <string.h>

#include "base/alloc.h"
#include "testkit/kit.h"

#define PUT_MAX (UINT64_C(1) << 30) /* where a file may end that a test writes */
#define DEADLY (SIM_DISK_WRITE | SIM_DISK_TRUNCATE | SIM_DISK_SYNC)

/* --- files are opened on the mount of the process that lives; they know it themselves --- */

static struct disk *mount_of(struct disk *disk) { return ((struct kit_disk *)disk)->mount; }

static chat_status open_file(struct disk *disk, const char *path, uint32_t flags,
                             struct disk_file **out_file)
{
    return disk_open(mount_of(disk), path, flags, out_file);
}

static chat_status remove_path(struct disk *disk, const char *path)
{
    return disk_remove(mount_of(disk), path);
}

static chat_status rename_path(struct disk *disk, const char *from, const char *to)
{
    return disk_rename(mount_of(disk), from, to);
}

static chat_status path_exists(struct disk *disk, const char *path, bool *out_exists)
{
    return disk_exists(mount_of(disk), path, out_exists);
}

static chat_status make_dir(struct disk *disk, const char *path)
{
    return disk_make_dir(mount_of(disk), path);
}

static chat_status list_dir(struct disk *disk, const char *path, disk_list_fn each, void *user)
{
    return disk_list(mount_of(disk), path, each, user);
}

static chat_status sync_dir(struct disk *disk, const char *path)
{
    return disk_sync_dir(mount_of(disk), path);
}

static chat_status free_bytes(struct disk *disk, const char *path, uint64_t *out_bytes)
{
    return disk_free_bytes(mount_of(disk), path, out_bytes);
}

static const struct disk_ops ops = {
    .open = open_file,
    .remove = remove_path,
    .rename = rename_path,
    .exists = path_exists,
    .make_dir = make_dir,
    .list = list_dir,
    .sync_dir = sync_dir,
    .free_bytes = free_bytes,
};

/* --- life --- */

chat_status kit_disk_mount(struct kit_disk *disk)
{
    struct disk *mount;

    if (disk->mount && !sim_disk_is_dead(disk->mount))
        return CHAT_OK;
    mount = sim_disk_mount(disk->storage);
    if (!mount)
        return CHAT_E_NOMEM;
    disk->mount = mount; /* a dead one stays until all is over: files may be open on it */
    return CHAT_OK;
}

bool kit_disk_is_dead(const struct kit_disk *disk) { return sim_disk_is_dead(disk->mount); }

chat_status kit_disk_init(struct kit_disk *disk, const struct chat_allocator *allocator,
                          uint64_t seed)
{
    struct engine_vfs_config config = {.allocator = allocator, .disk = &disk->disk, .seed = seed};
    chat_status status;

    *disk = (struct kit_disk){.disk = {.ops = &ops}};
    disk->storage = sim_disk_new(allocator, seed);
    status = disk->storage ? kit_disk_mount(disk) : CHAT_E_NOMEM;
    return status == CHAT_OK ? engine_vfs_new(&config, &disk->vfs) : status;
}

void kit_disk_fini(struct kit_disk *disk)
{
    engine_vfs_free(disk->vfs);
    sim_disk_free(disk->storage);
    sim_disk_free(disk->backup);
}

/* --- faults --- */

chat_status chat_testkit_disk_set_full(chat_testkit_device *device, bool is_full)
{
    struct sim_disk *storage;

    if (!device)
        return CHAT_E_INVALID;
    storage = device->disk.storage;
    sim_disk_set_capacity(storage, is_full ? sim_disk_used(storage) : UINT64_MAX);
    return kit_status(device->kit);
}

chat_status chat_testkit_disk_fail(chat_testkit_device *device, uint64_t after, uint64_t times,
                                   chat_status status)
{
    if (!device || (times > 0 && status != CHAT_E_IO && status != CHAT_E_FULL))
        return CHAT_E_INVALID;
    sim_disk_fail(device->disk.storage, SIM_DISK_ANY, after, times, status);
    return kit_status(device->kit);
}

chat_status chat_testkit_disk_die(chat_testkit_device *device, uint64_t after, bool by_power_loss)
{
    if (!device)
        return CHAT_E_INVALID;
    sim_disk_die(device->disk.storage, DEADLY, after,
                 by_power_loss ? SIM_DISK_POWER_LOSS : SIM_DISK_KILL);
    return kit_status(device->kit);
}

uint64_t chat_testkit_disk_get_operations(const chat_testkit_device *device)
{
    return device ? sim_disk_get_counts(device->disk.storage)->ops : 0;
}

/* --- copies --- */

chat_status chat_testkit_disk_backup(chat_testkit_device *device)
{
    struct sim_disk *copy;
    chat_status status;

    if (!device)
        return CHAT_E_INVALID;
    copy = sim_disk_new(device->kit->allocator, 0);
    status = copy ? sim_disk_copy(copy, device->disk.storage) : CHAT_E_NOMEM;
    if (status != CHAT_OK) {
        sim_disk_free(copy);
        return status;
    }
    sim_disk_free(device->disk.backup);
    device->disk.backup = copy;
    return CHAT_OK;
}

chat_status chat_testkit_disk_restore(chat_testkit_device *device)
{
    struct kit_disk *disk;
    chat_status status;

    if (!device)
        return CHAT_E_INVALID;
    disk = &device->disk;
    if (!disk->backup)
        return CHAT_E_NOT_FOUND;
    if (sim_disk_has_open_files(disk->mount))
        return CHAT_E_STATE;
    sim_disk_kill(disk->mount);
    status = sim_disk_copy(disk->storage, disk->backup);
    return status == CHAT_OK ? kit_disk_mount(disk) : status;
}

const uint8_t *chat_testkit_disk_get_file(const chat_testkit_device *device, const char *path,
                                          size_t *out_len)
{
    const uint8_t *bytes;
    uint64_t len = 0;

    if (!device || !path)
        return NULL;
    bytes = sim_disk_peek(device->disk.storage, path, &len);
    if (bytes && out_len)
        *out_len = (size_t)len;
    return bytes;
}

chat_status chat_testkit_disk_put(chat_testkit_device *device, const char *path, uint64_t offset,
                                  const uint8_t *bytes, size_t len)
{
    struct sim_disk *storage;

    if (!device || !path || !path[0] || strlen(path) >= DISK_PATH_MAX || (!bytes && len > 0))
        return CHAT_E_INVALID;
    if (offset > PUT_MAX || len > PUT_MAX - offset)
        return CHAT_E_TOO_LARGE;
    storage = device->disk.storage;
    sim_disk_poke(storage, path, offset, bytes, len);
    return sim_disk_has_memory(storage) ? CHAT_OK : CHAT_E_NOMEM;
}
