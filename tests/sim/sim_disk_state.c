#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_disk_inner.h"

void *sim_alloc(uint64_t size)
{
    void *memory = calloc(1, size ? (size_t)size : 1);

    if (!memory)
        abort();
    return memory;
}

void sim_bytes_resize(struct sim_bytes *b, uint64_t len)
{
    if (len > b->cap) {
        uint64_t cap = b->cap ? b->cap : 4096;
        while (cap < len)
            cap *= 2;
        b->bytes = realloc(b->bytes, (size_t)cap);
        if (!b->bytes)
            abort();
        b->cap = cap;
    }
    if (len > b->len)
        memset(b->bytes + b->len, 0, (size_t)(len - b->len));
    b->len = len;
}

void sim_bytes_copy(struct sim_bytes *to, const struct sim_bytes *from)
{
    sim_bytes_resize(to, 0);
    sim_bytes_resize(to, from->len);
    if (from->len > 0)
        memcpy(to->bytes, from->bytes, (size_t)from->len);
}

/* --- inodes --- */

struct sim_inode *sim_inode_new(bool is_dir)
{
    struct sim_inode *inode = sim_alloc(sizeof(*inode));

    inode->is_dir = is_dir;
    inode->changes_end = &inode->changes;
    return inode;
}

void sim_inode_forget_changes(struct sim_inode *inode)
{
    while (inode->changes) {
        struct sim_change *change = inode->changes;
        inode->changes = change->next;
        free(change->bytes);
        free(change);
    }
    inode->changes_end = &inode->changes;
}

void sim_inode_unref(struct sim_inode *inode)
{
    if (!inode || --inode->refs > 0)
        return;
    sim_inode_forget_changes(inode);
    free(inode->now.bytes);
    free(inode->durable.bytes);
    free(inode);
}

static void push_change(struct sim_inode *inode, struct sim_change *change)
{
    *inode->changes_end = change;
    inode->changes_end = &change->next;
}

void sim_inode_write(struct sim_inode *inode, uint64_t offset, const void *bytes, uint64_t len)
{
    struct sim_change *change = sim_alloc(sizeof(*change));
    const uint64_t end = offset + len;
    const uint64_t first = offset - offset % DISK_SECTOR;
    uint64_t last = end + (DISK_SECTOR - end % DISK_SECTOR) % DISK_SECTOR;

    if (end > inode->now.len)
        sim_bytes_resize(&inode->now, end);
    if (len > 0)
        memcpy(inode->now.bytes + offset, bytes, (size_t)len);
    if (last > inode->now.len)
        last = inode->now.len;
    change->new_size = inode->now.len;
    change->offset = first;
    change->len = last > first ? last - first : 0;
    change->bytes = sim_alloc(change->len);
    if (change->len > 0)
        memcpy(change->bytes, inode->now.bytes + first, (size_t)change->len);
    push_change(inode, change);
}

void sim_inode_truncate(struct sim_inode *inode, uint64_t size)
{
    struct sim_change *change = sim_alloc(sizeof(*change));

    sim_bytes_resize(&inode->now, size);
    change->is_truncate = true;
    change->new_size = size;
    push_change(inode, change);
}

void sim_inode_sync(struct sim_inode *inode)
{
    for (struct sim_change *change = inode->changes; change; change = change->next) {
        if (change->is_truncate) {
            sim_bytes_resize(&inode->durable, change->new_size);
            continue;
        }
        if (change->offset + change->len > inode->durable.len)
            sim_bytes_resize(&inode->durable, change->offset + change->len);
        if (change->len > 0)
            memcpy(inode->durable.bytes + change->offset, change->bytes, (size_t)change->len);
    }
    sim_inode_forget_changes(inode);
}

/* --- names --- */

struct sim_name *sim_find(struct sim_name *names, const char *path)
{
    while (names && strcmp(names->path, path) != 0)
        names = names->next;
    return names;
}

void sim_names_set(struct sim_name **names, const char *path, struct sim_inode *inode)
{
    struct sim_name *name;

    if (inode)
        inode->refs++;
    while (*names && strcmp((*names)->path, path) != 0)
        names = &(*names)->next;
    name = *names;
    if (name) {
        sim_inode_unref(name->inode);
        name->inode = inode;
        if (!inode) {
            *names = name->next;
            free(name);
        }
    } else if (inode) {
        name = sim_alloc(sizeof(*name));
        (void)snprintf(name->path, sizeof(name->path), "%s", path);
        name->inode = inode;
        *names = name;
    }
}

void sim_names_clear(struct sim_name **names)
{
    while (*names) {
        struct sim_name *name = *names;
        *names = name->next;
        sim_inode_unref(name->inode);
        free(name);
    }
}

void sim_rename(struct sim_disk *storage, const char *path, struct sim_inode *inode)
{
    struct sim_name_change *change = sim_alloc(sizeof(*change));

    if (inode)
        inode->refs++;
    change->inode = inode;
    (void)snprintf(change->path, sizeof(change->path), "%s", path);
    *storage->name_changes_end = change;
    storage->name_changes_end = &change->next;
    sim_names_set(&storage->names, path, inode);
}

bool sim_is_in_dir(const char *path, const char *dir)
{
    const size_t len = strlen(dir);
    const char *slash = strrchr(path, '/');

    if (!slash)
        return strcmp(dir, ".") == 0;
    return (size_t)(slash - path) == len && strncmp(path, dir, len) == 0;
}

void sim_names_sync(struct sim_disk *storage, const char *dir, uint64_t count)
{
    struct sim_name_change **at = &storage->name_changes;

    while (*at) {
        struct sim_name_change *change = *at;
        const bool is_kept = dir ? sim_is_in_dir(change->path, dir) : count > 0;
        if (dir && !is_kept) {
            at = &change->next;
            continue;
        }
        if (is_kept)
            sim_names_set(&storage->durable_names, change->path, change->inode);
        if (!dir && count > 0)
            count--;
        *at = change->next;
        sim_inode_unref(change->inode);
        free(change);
    }
    storage->name_changes_end = at;
}
