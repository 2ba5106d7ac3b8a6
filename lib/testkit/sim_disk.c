#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "testkit/sim_disk_inner.h"

/* --- faults --- */

static bool chance(struct sim_disk *storage, uint32_t of_a_million)
{
    return of_a_million > 0 && rng_below(&storage->rng, 1000000) < of_a_million;
}

/* True when the plan strikes at this operation. */
static bool strikes(struct sim_plan *plan, enum sim_disk_op op)
{
    if (!plan->is_set || !(plan->ops & op))
        return false;
    if (plan->after > 0) {
        plan->after--;
        return false;
    }
    if (plan->times > 0)
        plan->times--;
    if (plan->times == 0)
        plan->is_set = false;
    return true;
}

/* What an operation meets before it does anything; *out_dies: it is to be cut short. */
static chat_status enter(struct sim_mount *mount, enum sim_disk_op op, bool *out_dies)
{
    struct sim_disk *storage = mount->storage;

    *out_dies = false;
    if (mount->dead)
        return CHAT_E_IO;
    if (storage->no_memory)
        return CHAT_E_NOMEM;
    storage->counts.ops++;
    if (strikes(&storage->die, op)) {
        *out_dies = true;
        return CHAT_OK;
    }
    if (strikes(&storage->fail, op)) {
        storage->counts.failed_ops++;
        return storage->fail.status;
    }
    if (chance(storage, op == SIM_DISK_SYNC ? storage->sync_failures : storage->op_failures)) {
        storage->counts.failed_ops++;
        return CHAT_E_IO;
    }
    return CHAT_OK;
}

static chat_status die(struct sim_mount *mount)
{
    if (mount->storage->die.death == SIM_DISK_POWER_LOSS)
        sim_disk_power_loss(mount->storage);
    else
        sim_disk_kill(&mount->disk);
    return CHAT_E_IO;
}

static void bury(struct sim_mount *mount)
{
    mount->dead = true;
    for (struct sim_open_file *file = mount->files; file; file = file->next) {
        if (file->has_lock)
            file->inode->locked_by = NULL;
        file->has_lock = false;
    }
}

void sim_disk_kill(struct disk *mount)
{
    struct sim_mount *m = (struct sim_mount *)(void *)mount;

    if (m->dead)
        return;
    m->storage->counts.kills++;
    bury(m);
}

enum loss { LOSE_ALL, LOSE_NONE, LOSE_BEHIND, LOSE_SOME, LOSS_KINDS };

/* The sectors of one change that survive become durable. */
static bool keep_sectors(struct sim_disk *storage, struct sim_inode *inode,
                         const struct sim_change *change, enum loss kind)
{
    const uint64_t torn_at = rng_below(&storage->rng, change->len + 1);

    for (uint64_t at = 0; at < change->len; at += DISK_SECTOR) {
        const uint64_t end = at + DISK_SECTOR < change->len ? at + DISK_SECTOR : change->len;
        if (kind == LOSE_ALL || (kind == LOSE_BEHIND && at >= torn_at) ||
            (kind == LOSE_SOME && rng_below(&storage->rng, 2) == 0)) {
            storage->counts.dropped_sectors++;
            continue;
        }
        storage->counts.kept_sectors++;
        if (change->offset + end > inode->durable.len &&
            !sim_bytes_resize(storage, &inode->durable, change->offset + end))
            return false;
        memcpy(inode->durable.bytes + change->offset + at, change->bytes + at, (size_t)(end - at));
    }
    return true;
}

/* Decides which unsynced changes of one file survive. */
static void lose_changes(struct sim_disk *storage, struct sim_inode *inode)
{
    const enum loss kind = (enum loss)rng_below(&storage->rng, LOSS_KINDS);
    uint64_t count = 0, torn = 0, index = 0;
    bool done = true;

    for (struct sim_change *change = inode->changes; change; change = change->next)
        count++;
    torn = rng_below(&storage->rng, count + 1);
    for (struct sim_change *change = inode->changes; done && change;
         change = change->next, index++) {
        enum loss here = kind;

        if (kind == LOSE_BEHIND && index != torn)
            here = index < torn ? LOSE_NONE : LOSE_ALL;
        if (!change->is_truncate)
            done = keep_sectors(storage, inode, change, here);
        else if (here == LOSE_NONE || (here != LOSE_ALL && rng_below(&storage->rng, 2) == 0))
            done = sim_bytes_resize(storage, &inode->durable, change->new_size);
    }
    sim_inode_forget_changes(storage, inode);
}

/* Names in folders that did not survive are gone with them. */
static void lose_orphans(struct sim_disk *storage)
{
    struct sim_name **at = &storage->durable_names;

    while (*at) {
        char dir[DISK_PATH_MAX];
        char *slash;

        (void)snprintf(dir, sizeof(dir), "%s", (*at)->path);
        slash = strrchr(dir, '/');
        if (slash)
            *slash = '\0';
        if (slash && slash != dir && strchr(dir, '/') && !sim_find(storage->durable_names, dir)) {
            struct sim_name *name = *at;
            *at = name->next;
            sim_inode_unref(storage, name->inode);
            alloc_free(storage->allocator, name);
            at = &storage->durable_names;
            continue;
        }
        at = &(*at)->next;
    }
}

void sim_disk_power_loss(struct sim_disk *storage)
{
    uint64_t changes = 0;

    storage->counts.power_losses++;
    for (struct sim_mount *mount = storage->mounts; mount; mount = mount->next)
        bury(mount);
    for (struct sim_name_change *change = storage->name_changes; change; change = change->next)
        changes++;
    (void)sim_names_sync(storage, NULL, rng_below(&storage->rng, changes + 1));
    lose_orphans(storage);

    sim_names_clear(storage, &storage->names);
    for (struct sim_name *name = storage->durable_names; name; name = name->next) {
        lose_changes(storage, name->inode);
        if (!sim_bytes_copy(storage, &name->inode->now, &name->inode->durable) ||
            !sim_names_set(storage, &storage->names, name->path, name->inode))
            return;
    }
}

/* --- files --- */

static struct sim_mount *mount_of(struct disk *disk) { return (struct sim_mount *)(void *)disk; }
static struct sim_open_file *open_of(struct disk_file *file)
{
    return (struct sim_open_file *)(void *)file;
}
static struct sim_mount *mount_of_file(struct disk_file *file) { return mount_of(file->disk); }

/* A new, empty file or folder under this name. */
static chat_status add_path(struct sim_disk *storage, const char *path, bool is_dir)
{
    struct sim_inode *inode = sim_inode_new(storage, is_dir);
    const bool done = inode && sim_rename(storage, path, inode);

    sim_inode_unref(storage, inode);
    return done ? CHAT_OK : CHAT_E_NOMEM;
}

static chat_status open_file(struct disk *disk, const char *path, uint32_t flags,
                             struct disk_file **out_file)
{
    struct sim_mount *mount = mount_of(disk);
    struct sim_name *name = sim_find(mount->storage->names, path);
    struct sim_open_file *file;
    struct sim_inode *inode;
    bool dies;
    chat_status status = enter(mount, SIM_DISK_OPEN, &dies);

    if (status != CHAT_OK)
        return status;
    if (strlen(path) >= DISK_PATH_MAX)
        return CHAT_E_INVALID;
    if (dies)
        return die(mount);
    if (!name && !(flags & DISK_CREATE))
        return CHAT_E_NOT_FOUND;
    if (name && (flags & DISK_EXCLUSIVE))
        return CHAT_E_CONFLICT;
    if (!name)
        status = add_path(mount->storage, path, false);
    if (status != CHAT_OK)
        return status;
    inode = sim_find(mount->storage->names, path)->inode;
    if (inode->is_dir)
        return CHAT_E_IO;
    file = alloc_zeroed(mount->storage->allocator, sizeof(*file));
    if (!file)
        return CHAT_E_NOMEM;
    file->file.disk = disk;
    file->inode = inode;
    inode->refs++;
    file->next = mount->files;
    mount->files = file;
    *out_file = &file->file;
    return CHAT_OK;
}

static void unlock_file(struct disk_file *file)
{
    if (open_of(file)->has_lock)
        open_of(file)->inode->locked_by = NULL;
    open_of(file)->has_lock = false;
}

static void close_file(struct disk_file *file)
{
    struct sim_open_file **at = &mount_of_file(file)->files;

    unlock_file(file);
    while (*at != open_of(file))
        at = &(*at)->next;
    *at = open_of(file)->next;
    sim_inode_unref(mount_of_file(file)->storage, open_of(file)->inode);
    alloc_free(mount_of_file(file)->storage->allocator, file);
}

static chat_status read_file(struct disk_file *file, uint64_t offset, void *bytes, size_t len,
                             size_t *out_len)
{
    const struct sim_bytes *now = &open_of(file)->inode->now;
    bool dies;
    chat_status status = enter(mount_of_file(file), SIM_DISK_READ, &dies);

    if (status != CHAT_OK)
        return status;
    if (dies)
        return die(mount_of_file(file));
    if (offset >= now->len)
        len = 0;
    else if (len > now->len - offset)
        len = (size_t)(now->len - offset);
    if (len > 0)
        memcpy(bytes, now->bytes + offset, len);
    *out_len = len;
    return CHAT_OK;
}

uint64_t sim_disk_used(const struct sim_disk *storage)
{
    uint64_t used = 0;

    for (const struct sim_name *name = storage->names; name; name = name->next)
        used += name->inode->now.len;
    return used;
}

static bool has_room(struct sim_disk *storage, const struct sim_inode *inode, uint64_t end)
{
    const uint64_t extra = end > inode->now.len ? end - inode->now.len : 0;

    /* What is there already can be written over, full disk or not. */
    if (extra == 0 || storage->capacity == UINT64_MAX ||
        sim_disk_used(storage) + extra <= storage->capacity)
        return true;
    storage->counts.full++;
    return false;
}

static chat_status write_file(struct disk_file *file, uint64_t offset, const void *bytes,
                              size_t len)
{
    struct sim_mount *mount = mount_of_file(file);
    struct sim_inode *inode = open_of(file)->inode;
    bool dies;
    chat_status status = enter(mount, SIM_DISK_WRITE, &dies);

    if (status != CHAT_OK) {
        /* A write that fails may have come through in part. */
        if (!mount->dead && len > 0 && has_room(mount->storage, inode, offset + len))
            (void)sim_inode_write(mount->storage, inode, offset, bytes,
                                  rng_below(&mount->storage->rng, len));
        return status;
    }
    if (!has_room(mount->storage, inode, offset + len))
        return CHAT_E_FULL;
    if (dies)
        len = (size_t)rng_below(&mount->storage->rng, len + 1);
    if (len > 0 && !sim_inode_write(mount->storage, inode, offset, bytes, len))
        return CHAT_E_NOMEM;
    return dies ? die(mount) : CHAT_OK;
}

static chat_status allocate_file(struct disk_file *file, uint64_t offset, uint64_t len)
{
    const struct chat_allocator *allocator = mount_of_file(file)->storage->allocator;
    uint8_t *zeros = alloc_zeroed(allocator, len ? (size_t)len : 1);
    chat_status status;

    if (!zeros)
        return CHAT_E_NOMEM;
    status = write_file(file, offset, zeros, (size_t)len);
    alloc_free(allocator, zeros);
    return status;
}

static chat_status size_file(struct disk_file *file, uint64_t *out_size)
{
    if (mount_of_file(file)->dead)
        return CHAT_E_IO;
    *out_size = open_of(file)->inode->now.len;
    return CHAT_OK;
}

static chat_status truncate_file(struct disk_file *file, uint64_t size)
{
    struct sim_mount *mount = mount_of_file(file);
    struct sim_inode *inode = open_of(file)->inode;
    bool dies;
    chat_status status = enter(mount, SIM_DISK_TRUNCATE, &dies);

    if (status != CHAT_OK)
        return status;
    if (!has_room(mount->storage, inode, size))
        return CHAT_E_FULL;
    if (!sim_inode_truncate(mount->storage, inode, size))
        return CHAT_E_NOMEM;
    return dies ? die(mount) : CHAT_OK;
}

static chat_status sync_file(struct disk_file *file)
{
    struct sim_mount *mount = mount_of_file(file);
    bool dies;
    chat_status status = enter(mount, SIM_DISK_SYNC, &dies);

    if (status != CHAT_OK) {
        if (!mount->dead) {
            /* Readers still see it all, but what did not get through never will. */
            mount->storage->counts.failed_syncs++;
            lose_changes(mount->storage, open_of(file)->inode);
        }
        return status;
    }
    if (dies)
        return die(mount);
    return sim_inode_sync(mount->storage, open_of(file)->inode) ? CHAT_OK : CHAT_E_NOMEM;
}

static void sync_range_file(struct disk_file *file, uint64_t offset, uint64_t len)
{
    (void)file, (void)offset, (void)len;
}

static chat_status lock_file(struct disk_file *file)
{
    struct sim_open_file *open = open_of(file);

    if (mount_of_file(file)->dead)
        return CHAT_E_IO;
    if (open->has_lock)
        return CHAT_OK;
    if (open->inode->locked_by)
        return CHAT_E_CONFLICT;
    open->inode->locked_by = mount_of_file(file);
    open->has_lock = true;
    return CHAT_OK;
}

/* --- names --- */

static chat_status remove_path(struct disk *disk, const char *path)
{
    struct sim_mount *mount = mount_of(disk);
    bool dies;
    chat_status status = enter(mount, SIM_DISK_NAMES, &dies);

    if (status != CHAT_OK)
        return status;
    if (!sim_find(mount->storage->names, path))
        return CHAT_E_NOT_FOUND;
    if (!sim_rename(mount->storage, path, NULL))
        return CHAT_E_NOMEM;
    return dies ? die(mount) : CHAT_OK;
}

static chat_status rename_path(struct disk *disk, const char *from, const char *to)
{
    struct sim_mount *mount = mount_of(disk);
    struct sim_name *name = sim_find(mount->storage->names, from);
    bool dies;
    chat_status status = enter(mount, SIM_DISK_NAMES, &dies);

    if (status != CHAT_OK)
        return status;
    if (!name)
        return CHAT_E_NOT_FOUND;
    if (!sim_rename(mount->storage, to, name->inode) || !sim_rename(mount->storage, from, NULL))
        return CHAT_E_NOMEM;
    return dies ? die(mount) : CHAT_OK;
}

static chat_status path_exists(struct disk *disk, const char *path, bool *out_exists)
{
    struct sim_mount *mount = mount_of(disk);

    if (mount->dead)
        return CHAT_E_IO;
    *out_exists = sim_find(mount->storage->names, path) != NULL;
    return CHAT_OK;
}

static chat_status make_dir(struct disk *disk, const char *path)
{
    struct sim_mount *mount = mount_of(disk);
    bool dies;
    chat_status status = enter(mount, SIM_DISK_NAMES, &dies);

    if (status != CHAT_OK)
        return status;
    if (dies)
        return die(mount);
    if (sim_find(mount->storage->names, path))
        return CHAT_OK;
    return add_path(mount->storage, path, true);
}

static chat_status list_dir(struct disk *disk, const char *path, disk_list_fn each, void *user)
{
    struct sim_mount *mount = mount_of(disk);

    if (mount->dead)
        return CHAT_E_IO;
    for (struct sim_name *name = mount->storage->names; name; name = name->next) {
        const char *slash = strrchr(name->path, '/');
        if (!sim_is_in_dir(name->path, path))
            continue;
        if (!each(slash ? slash + 1 : name->path, user))
            break;
    }
    return CHAT_OK;
}

static chat_status sync_dir(struct disk *disk, const char *path)
{
    struct sim_mount *mount = mount_of(disk);
    bool dies;
    chat_status status = enter(mount, SIM_DISK_SYNC_DIR, &dies);

    if (status != CHAT_OK)
        return status;
    if (dies)
        return die(mount);
    return sim_names_sync(mount->storage, path, 0) ? CHAT_OK : CHAT_E_NOMEM;
}

static chat_status free_bytes(struct disk *disk, const char *path, uint64_t *out_bytes)
{
    struct sim_mount *mount = mount_of(disk);
    const uint64_t used = sim_disk_used(mount->storage);

    (void)path;
    if (mount->dead)
        return CHAT_E_IO;
    *out_bytes = mount->storage->capacity > used ? mount->storage->capacity - used : 0;
    return CHAT_OK;
}

static const struct disk_ops ops = {
    .open = open_file,
    .close = close_file,
    .read = read_file,
    .write = write_file,
    .size = size_file,
    .truncate = truncate_file,
    .allocate = allocate_file,
    .sync = sync_file,
    .sync_range = sync_range_file,
    .lock = lock_file,
    .unlock = unlock_file,
    .remove = remove_path,
    .rename = rename_path,
    .exists = path_exists,
    .make_dir = make_dir,
    .list = list_dir,
    .sync_dir = sync_dir,
    .free_bytes = free_bytes,
};

/* --- the storage --- */

struct sim_disk *sim_disk_new(const struct chat_allocator *allocator, uint64_t seed)
{
    struct sim_disk *storage = alloc_zeroed(alloc_or_default(allocator), sizeof(*storage));

    if (!storage)
        return NULL;
    storage->allocator = alloc_or_default(allocator);
    rng_seed(&storage->rng, seed);
    storage->capacity = UINT64_MAX;
    storage->name_changes_end = &storage->name_changes;
    return storage;
}

void sim_disk_free(struct sim_disk *storage)
{
    if (!storage)
        return;
    while (storage->mounts)
        sim_disk_unmount(&storage->mounts->disk);
    (void)sim_names_sync(storage, NULL, 0);
    sim_names_clear(storage, &storage->names);
    sim_names_clear(storage, &storage->durable_names);
    alloc_free(storage->allocator, storage);
}

struct disk *sim_disk_mount(struct sim_disk *storage)
{
    struct sim_mount *mount = alloc_zeroed(storage->allocator, sizeof(*mount));

    if (!mount)
        return NULL;
    mount->disk.ops = &ops;
    mount->storage = storage;
    mount->next = storage->mounts;
    storage->mounts = mount;
    return &mount->disk;
}

void sim_disk_unmount(struct disk *disk)
{
    struct sim_mount *mount = mount_of(disk);
    struct sim_mount **at;

    if (!disk)
        return;
    at = &mount->storage->mounts;
    while (mount->files)
        close_file(&mount->files->file);
    while (*at != mount)
        at = &(*at)->next;
    *at = mount->next;
    alloc_free(mount->storage->allocator, mount);
}

static bool add_copy(struct sim_disk *to, const struct sim_name *name)
{
    struct sim_inode *inode = sim_inode_new(to, name->inode->is_dir);
    const bool done = inode && sim_bytes_copy(to, &inode->now, &name->inode->now) &&
                      sim_bytes_copy(to, &inode->durable, &name->inode->now) &&
                      sim_names_set(to, &to->names, name->path, inode) &&
                      sim_names_set(to, &to->durable_names, name->path, inode);

    sim_inode_unref(to, inode);
    return done;
}

chat_status sim_disk_copy(struct sim_disk *to, const struct sim_disk *from)
{
    for (const struct sim_mount *mount = to->mounts; mount; mount = mount->next) {
        if (!mount->dead)
            return CHAT_E_STATE;
    }
    (void)sim_names_sync(to, NULL, 0);
    sim_names_clear(to, &to->names);
    sim_names_clear(to, &to->durable_names);
    for (const struct sim_name *name = from->names; name; name = name->next) {
        if (!add_copy(to, name))
            return CHAT_E_NOMEM;
    }
    return CHAT_OK;
}

bool sim_disk_is_dead(const struct disk *mount)
{
    return ((const struct sim_mount *)(const void *)mount)->dead;
}

bool sim_disk_has_open_files(const struct disk *mount)
{
    return ((const struct sim_mount *)(const void *)mount)->files != NULL;
}

bool sim_disk_has_memory(const struct sim_disk *storage) { return !storage->no_memory; }

void sim_disk_set_capacity(struct sim_disk *storage, uint64_t bytes) { storage->capacity = bytes; }

void sim_disk_fail(struct sim_disk *storage, uint32_t op_set, uint64_t after, uint64_t times,
                   chat_status status)
{
    storage->fail = (struct sim_plan){
        .is_set = times > 0, .ops = op_set, .after = after, .times = times, .status = status};
}

void sim_disk_die(struct sim_disk *storage, uint32_t op_set, uint64_t after,
                  enum sim_disk_death death)
{
    storage->die = (struct sim_plan){
        .is_set = true, .ops = op_set, .after = after, .times = 1, .death = death};
}

void sim_disk_set_rates(struct sim_disk *storage, uint32_t sync_failures, uint32_t op_failures)
{
    storage->sync_failures = sync_failures;
    storage->op_failures = op_failures;
}

const struct sim_disk_counts *sim_disk_get_counts(const struct sim_disk *storage)
{
    return &storage->counts;
}

const uint8_t *sim_disk_peek(const struct sim_disk *storage, const char *path, uint64_t *out_size)
{
    const struct sim_name *name = sim_find(storage->names, path);

    if (!name)
        return NULL;
    *out_size = name->inode->now.len;
    return name->inode->now.bytes;
}

void sim_disk_poke(struct sim_disk *storage, const char *path, uint64_t offset, const void *bytes,
                   uint64_t len)
{
    struct sim_name *name;

    if (!sim_find(storage->names, path)) {
        struct sim_inode *inode = sim_inode_new(storage, false);

        if (inode && sim_names_set(storage, &storage->names, path, inode))
            (void)sim_names_set(storage, &storage->durable_names, path, inode);
        sim_inode_unref(storage, inode);
    }
    name = sim_find(storage->names, path);
    if (name && sim_inode_write(storage, name->inode, offset, bytes, len))
        (void)sim_inode_sync(storage, name->inode);
}

void sim_disk_lose_file(struct sim_disk *storage, const char *path)
{
    (void)sim_names_set(storage, &storage->names, path, NULL);
    (void)sim_names_set(storage, &storage->durable_names, path, NULL);
}
