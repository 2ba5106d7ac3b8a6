#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "testkit/sim_disk_inner.h"

#define BYTES_MIN 4096u

static void *get_memory(struct sim_disk *storage, uint64_t size)
{
    void *memory = alloc_zeroed(storage->allocator, size ? (size_t)size : 1);

    if (!memory)
        storage->no_memory = true;
    return memory;
}

static void give_memory(struct sim_disk *storage, void *memory)
{
    alloc_free(storage->allocator, memory);
}

bool sim_bytes_resize(struct sim_disk *storage, struct sim_bytes *b, uint64_t len)
{
    if (len > b->cap) {
        uint64_t cap = b->cap ? b->cap : BYTES_MIN;
        uint8_t *bytes;

        while (cap < len)
            cap *= 2;
        bytes = alloc_resize(storage->allocator, b->bytes, (size_t)b->len, (size_t)cap);
        if (!bytes) {
            storage->no_memory = true;
            return false;
        }
        b->bytes = bytes;
        b->cap = cap;
    }
    if (len > b->len)
        memset(b->bytes + b->len, 0, (size_t)(len - b->len));
    b->len = len;
    return true;
}

bool sim_bytes_copy(struct sim_disk *storage, struct sim_bytes *to, const struct sim_bytes *from)
{
    if (!sim_bytes_resize(storage, to, 0) || !sim_bytes_resize(storage, to, from->len))
        return false;
    if (from->len > 0)
        memcpy(to->bytes, from->bytes, (size_t)from->len);
    return true;
}

/* --- inodes --- */

struct sim_inode *sim_inode_new(struct sim_disk *storage, bool is_dir)
{
    struct sim_inode *inode = get_memory(storage, sizeof(*inode));

    if (!inode)
        return NULL;
    inode->refs = 1;
    inode->is_dir = is_dir;
    inode->changes_end = &inode->changes;
    return inode;
}

static void change_free(struct sim_disk *storage, struct sim_change *change)
{
    give_memory(storage, change->bytes);
    give_memory(storage, change);
}

void sim_inode_forget_changes(struct sim_disk *storage, struct sim_inode *inode)
{
    while (inode->changes) {
        struct sim_change *change = inode->changes;
        inode->changes = change->next;
        change_free(storage, change);
    }
    inode->changes_end = &inode->changes;
}

void sim_inode_unref(struct sim_disk *storage, struct sim_inode *inode)
{
    if (!inode || --inode->refs > 0)
        return;
    sim_inode_forget_changes(storage, inode);
    give_memory(storage, inode->now.bytes);
    give_memory(storage, inode->durable.bytes);
    give_memory(storage, inode);
}

static void push_change(struct sim_inode *inode, struct sim_change *change)
{
    *inode->changes_end = change;
    inode->changes_end = &change->next;
}

bool sim_inode_write(struct sim_disk *storage, struct sim_inode *inode, uint64_t offset,
                     const void *bytes, uint64_t len)
{
    struct sim_change *change = get_memory(storage, sizeof(*change));
    const uint64_t end = offset + len;
    const uint64_t first = offset - offset % DISK_SECTOR;
    uint64_t last = end + (DISK_SECTOR - end % DISK_SECTOR) % DISK_SECTOR;

    if (!change)
        return false;
    if (end > inode->now.len && !sim_bytes_resize(storage, &inode->now, end)) {
        change_free(storage, change);
        return false;
    }
    if (len > 0)
        memcpy(inode->now.bytes + offset, bytes, (size_t)len);
    if (last > inode->now.len)
        last = inode->now.len;
    change->new_size = inode->now.len;
    change->offset = first;
    change->len = last > first ? last - first : 0;
    change->bytes = get_memory(storage, change->len);
    if (!change->bytes) {
        change_free(storage, change);
        return false;
    }
    if (change->len > 0)
        memcpy(change->bytes, inode->now.bytes + first, (size_t)change->len);
    push_change(inode, change);
    return true;
}

bool sim_inode_truncate(struct sim_disk *storage, struct sim_inode *inode, uint64_t size)
{
    struct sim_change *change = get_memory(storage, sizeof(*change));

    if (!change)
        return false;
    if (!sim_bytes_resize(storage, &inode->now, size)) {
        change_free(storage, change);
        return false;
    }
    change->is_truncate = true;
    change->new_size = size;
    push_change(inode, change);
    return true;
}

static bool make_durable(struct sim_disk *storage, struct sim_inode *inode,
                         const struct sim_change *change)
{
    if (change->is_truncate)
        return sim_bytes_resize(storage, &inode->durable, change->new_size);
    if (change->offset + change->len > inode->durable.len &&
        !sim_bytes_resize(storage, &inode->durable, change->offset + change->len))
        return false;
    if (change->len > 0)
        memcpy(inode->durable.bytes + change->offset, change->bytes, (size_t)change->len);
    return true;
}

bool sim_inode_sync(struct sim_disk *storage, struct sim_inode *inode)
{
    bool done = true;

    for (struct sim_change *change = inode->changes; done && change; change = change->next)
        done = make_durable(storage, inode, change);
    sim_inode_forget_changes(storage, inode);
    return done;
}

/* --- names --- */

struct sim_name *sim_find(struct sim_name *names, const char *path)
{
    while (names && strcmp(names->path, path) != 0)
        names = names->next;
    return names;
}

static bool add_name(struct sim_disk *storage, struct sim_name **at, const char *path,
                     struct sim_inode *inode)
{
    struct sim_name *name = get_memory(storage, sizeof(*name));

    if (!name)
        return false;
    (void)snprintf(name->path, sizeof(name->path), "%s", path);
    name->inode = inode;
    inode->refs++;
    *at = name;
    return true;
}

bool sim_names_set(struct sim_disk *storage, struct sim_name **names, const char *path,
                   struct sim_inode *inode)
{
    struct sim_name *name;

    while (*names && strcmp((*names)->path, path) != 0)
        names = &(*names)->next;
    name = *names;
    if (!name)
        return !inode || add_name(storage, names, path, inode);
    if (inode)
        inode->refs++;
    sim_inode_unref(storage, name->inode);
    name->inode = inode;
    if (!inode) {
        *names = name->next;
        give_memory(storage, name);
    }
    return true;
}

void sim_names_clear(struct sim_disk *storage, struct sim_name **names)
{
    while (*names) {
        struct sim_name *name = *names;
        *names = name->next;
        sim_inode_unref(storage, name->inode);
        give_memory(storage, name);
    }
}

bool sim_rename(struct sim_disk *storage, const char *path, struct sim_inode *inode)
{
    struct sim_name_change *change = get_memory(storage, sizeof(*change));

    if (!change)
        return false;
    if (inode)
        inode->refs++;
    change->inode = inode;
    (void)snprintf(change->path, sizeof(change->path), "%s", path);
    *storage->name_changes_end = change;
    storage->name_changes_end = &change->next;
    return sim_names_set(storage, &storage->names, path, inode);
}

bool sim_is_in_dir(const char *path, const char *dir)
{
    const size_t len = strlen(dir);
    const char *slash = strrchr(path, '/');

    if (!slash)
        return strcmp(dir, ".") == 0;
    return (size_t)(slash - path) == len && strncmp(path, dir, len) == 0;
}

bool sim_names_sync(struct sim_disk *storage, const char *dir, uint64_t count)
{
    struct sim_name_change **at = &storage->name_changes;
    bool done = true;

    while (*at) {
        struct sim_name_change *change = *at;
        const bool is_kept = dir ? sim_is_in_dir(change->path, dir) : count > 0;
        if (dir && !is_kept) {
            at = &change->next;
            continue;
        }
        if (is_kept &&
            !sim_names_set(storage, &storage->durable_names, change->path, change->inode))
            done = false;
        if (!dir && count > 0)
            count--;
        *at = change->next;
        sim_inode_unref(storage, change->inode);
        give_memory(storage, change);
    }
    storage->name_changes_end = at;
    return done;
}
