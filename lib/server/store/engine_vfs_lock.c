/* Locks and the WAL's shared memory, among the connections of this process. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "server/store/engine_vfs_inner.h"

static struct vfs_file *file_of(sqlite3_file *base) { return (struct vfs_file *)(void *)base; }

struct vfs_node *vfs_node_get(struct engine_vfs *vfs, const char *path)
{
    struct vfs_node *node;

    pthread_mutex_lock(&vfs->mutex);
    for (node = vfs->nodes; node && strcmp(node->path, path) != 0;)
        node = node->next;
    if (!node) {
        node = alloc_zeroed(vfs->config.allocator, sizeof(*node));
        if (node) {
            (void)snprintf(node->path, sizeof(node->path), "%s", path);
            node->next = vfs->nodes;
            vfs->nodes = node;
        }
    }
    if (node)
        node->refs++;
    pthread_mutex_unlock(&vfs->mutex);
    return node;
}

static void free_regions(struct engine_vfs *vfs, struct vfs_node *node)
{
    for (uint32_t i = 0; i < node->region_count; i++)
        alloc_free(vfs->config.allocator, node->regions[i]);
    alloc_free(vfs->config.allocator, node->regions);
    node->regions = NULL;
    node->region_count = 0;
}

void vfs_node_put(struct engine_vfs *vfs, struct vfs_node *node)
{
    struct vfs_node **at = &vfs->nodes;

    pthread_mutex_lock(&vfs->mutex);
    if (--node->refs == 0) {
        while (*at != node)
            at = &(*at)->next;
        *at = node->next;
        free_regions(vfs, node);
        alloc_free(vfs->config.allocator, node);
    }
    pthread_mutex_unlock(&vfs->mutex);
}

/* --- the database file's own lock --- */

static int try_lock(struct vfs_file *file, struct vfs_node *node, int level)
{
    if (file->lock == SQLITE_LOCK_NONE) {
        if (node->pending || node->exclusive)
            return SQLITE_BUSY;
        node->shared++;
        file->lock = SQLITE_LOCK_SHARED;
    }
    if (level == SQLITE_LOCK_RESERVED) {
        if ((node->reserved && node->reserved != file) || node->pending)
            return SQLITE_BUSY;
        node->reserved = file;
        file->lock = SQLITE_LOCK_RESERVED;
    } else if (level == SQLITE_LOCK_EXCLUSIVE) {
        if ((node->reserved && node->reserved != file) || (node->pending && node->pending != file))
            return SQLITE_BUSY;
        node->pending = file;
        file->lock = SQLITE_LOCK_PENDING;
        if (node->shared > 1)
            return SQLITE_BUSY;
        node->exclusive = file;
        file->lock = SQLITE_LOCK_EXCLUSIVE;
    }
    return SQLITE_OK;
}

int vfs_lock(sqlite3_file *base, int level)
{
    struct vfs_file *file = file_of(base);
    int rc = SQLITE_OK;

    if (!file->node || file->lock >= level)
        return SQLITE_OK;
    pthread_mutex_lock(&file->vfs->mutex);
    rc = try_lock(file, file->node, level);
    pthread_mutex_unlock(&file->vfs->mutex);
    return rc;
}

int vfs_unlock(sqlite3_file *base, int level)
{
    struct vfs_file *file = file_of(base);
    struct vfs_node *node = file->node;

    if (!node || file->lock <= level)
        return SQLITE_OK;
    pthread_mutex_lock(&file->vfs->mutex);
    if (node->reserved == file)
        node->reserved = NULL;
    if (node->pending == file)
        node->pending = NULL;
    if (node->exclusive == file)
        node->exclusive = NULL;
    if (level == SQLITE_LOCK_NONE)
        node->shared--;
    file->lock = level;
    pthread_mutex_unlock(&file->vfs->mutex);
    return SQLITE_OK;
}

int vfs_check_reserved(sqlite3_file *base, int *out)
{
    struct vfs_file *file = file_of(base);

    *out = 0;
    if (!file->node)
        return SQLITE_OK;
    pthread_mutex_lock(&file->vfs->mutex);
    *out = file->node->reserved != NULL || file->node->exclusive != NULL;
    pthread_mutex_unlock(&file->vfs->mutex);
    return SQLITE_OK;
}

/* --- shared memory --- */

static int extend_to(struct engine_vfs *vfs, struct vfs_node *node, uint32_t count, size_t size)
{
    uint8_t **regions;

    if (count > VFS_REGIONS_MAX)
        return SQLITE_FULL;
    regions = alloc_resize(vfs->config.allocator, node->regions,
                           node->region_count * sizeof(*regions), count * sizeof(*regions));
    if (!regions)
        return SQLITE_NOMEM;
    node->regions = regions;
    while (node->region_count < count) {
        uint8_t *region = alloc_zeroed(vfs->config.allocator, size);
        if (!region)
            return SQLITE_NOMEM;
        node->regions[node->region_count++] = region;
    }
    return SQLITE_OK;
}

int vfs_shm_map(sqlite3_file *base, int index, int size, int extend, void volatile **out)
{
    struct vfs_file *file = file_of(base);
    struct vfs_node *node = file->node;
    int rc = SQLITE_OK;

    *out = NULL;
    if (!node || index < 0 || size <= 0)
        return SQLITE_IOERR_SHMMAP;
    pthread_mutex_lock(&file->vfs->mutex);
    if (!file->has_shm) {
        file->has_shm = true;
        node->shm_users++;
    }
    if ((uint32_t)index >= node->region_count && extend)
        rc = extend_to(file->vfs, node, (uint32_t)index + 1, (size_t)size);
    if (rc == SQLITE_OK && (uint32_t)index < node->region_count)
        *out = node->regions[index];
    pthread_mutex_unlock(&file->vfs->mutex);
    return rc;
}

static int try_shm_lock(struct vfs_file *file, uint32_t slot, bool exclusive)
{
    struct vfs_node *node = file->node;
    const uint32_t bit = 1u << slot;

    if (exclusive) {
        const uint32_t mine = (file->shm_shared & bit) ? 1 : 0;
        if (node->shm_shared[slot] > mine ||
            (node->shm_exclusive[slot] && node->shm_exclusive[slot] != file))
            return SQLITE_BUSY;
        return SQLITE_OK;
    }
    return node->shm_exclusive[slot] && node->shm_exclusive[slot] != file ? SQLITE_BUSY : SQLITE_OK;
}

static void take_shm_lock(struct vfs_file *file, uint32_t slot, bool exclusive)
{
    const uint32_t bit = 1u << slot;

    if (exclusive) {
        file->node->shm_exclusive[slot] = file;
        file->shm_exclusive |= bit;
    } else if (!(file->shm_shared & bit)) {
        file->node->shm_shared[slot]++;
        file->shm_shared |= bit;
    }
}

static void drop_shm_lock(struct vfs_file *file, uint32_t slot)
{
    const uint32_t bit = 1u << slot;

    if (file->shm_exclusive & bit)
        file->node->shm_exclusive[slot] = NULL;
    if (file->shm_shared & bit)
        file->node->shm_shared[slot]--;
    file->shm_exclusive &= ~bit;
    file->shm_shared &= ~bit;
}

int vfs_shm_lock(sqlite3_file *base, int first, int count, int flags)
{
    struct vfs_file *file = file_of(base);
    const bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
    int rc = SQLITE_OK;

    if (!file->node)
        return SQLITE_IOERR_SHMLOCK;
    pthread_mutex_lock(&file->vfs->mutex);
    for (int i = first; i < first + count; i++) {
        if (flags & SQLITE_SHM_UNLOCK)
            drop_shm_lock(file, (uint32_t)i);
        else if (rc == SQLITE_OK)
            rc = try_shm_lock(file, (uint32_t)i, exclusive);
    }
    for (int i = first; i < first + count && rc == SQLITE_OK; i++) {
        if (flags & SQLITE_SHM_LOCK)
            take_shm_lock(file, (uint32_t)i, exclusive);
    }
    pthread_mutex_unlock(&file->vfs->mutex);
    return rc;
}

void vfs_shm_barrier(sqlite3_file *base)
{
    struct vfs_file *file = file_of(base);

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    pthread_mutex_lock(&file->vfs->mutex);
    pthread_mutex_unlock(&file->vfs->mutex);
}

int vfs_shm_unmap(sqlite3_file *base, int remove)
{
    struct vfs_file *file = file_of(base);

    (void)remove; /* the memory goes with its last user either way */
    if (!file->node || !file->has_shm)
        return SQLITE_OK;
    pthread_mutex_lock(&file->vfs->mutex);
    for (uint32_t slot = 0; slot < SQLITE_SHM_NLOCK; slot++)
        drop_shm_lock(file, slot);
    file->has_shm = false;
    if (--file->node->shm_users == 0)
        free_regions(file->vfs, file->node);
    pthread_mutex_unlock(&file->vfs->mutex);
    return SQLITE_OK;
}
