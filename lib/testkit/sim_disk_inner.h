/* What sim_disk's parts share. */
#ifndef CHAT_SIM_DISK_INNER_H
#define CHAT_SIM_DISK_INNER_H

#include "base/rng.h"
#include "testkit/sim_disk.h"

struct sim_bytes {
    uint8_t *bytes;
    uint64_t len, cap;
};

/* One change of a file since its last sync. */
struct sim_change {
    struct sim_change *next;
    bool is_truncate;
    uint64_t new_size; /* of the file, after it */
    uint64_t offset;   /* whole sectors, as they were after it */
    uint64_t len;
    uint8_t *bytes;
};

struct sim_inode {
    uint32_t refs; /* names, durable names, open files, pending name changes */
    bool is_dir;
    struct sim_bytes now, durable;
    struct sim_change *changes, **changes_end; /* the oldest first */
    const struct sim_mount *locked_by;
};

struct sim_name {
    struct sim_name *next;
    char path[DISK_PATH_MAX];
    struct sim_inode *inode;
};

/* One change of names since the folder's last sync; inode NULL: the name is gone. */
struct sim_name_change {
    struct sim_name_change *next;
    char path[DISK_PATH_MAX];
    struct sim_inode *inode;
};

struct sim_open_file {
    struct disk_file file;
    struct sim_open_file *next;
    struct sim_inode *inode;
    bool has_lock;
};

struct sim_mount {
    struct disk disk;
    struct sim_disk *storage;
    struct sim_mount *next;
    struct sim_open_file *files;
    bool dead;
};

struct sim_plan {
    bool is_set;
    uint32_t ops;
    uint64_t after, times;
    chat_status status;
    enum sim_disk_death death;
};

struct sim_disk {
    const struct chat_allocator *allocator;
    bool no_memory; /* for good: what a write left behind cannot be said any more */
    struct rng rng;
    struct sim_mount *mounts;
    struct sim_name *names, *durable_names;
    struct sim_name_change *name_changes, **name_changes_end;
    uint64_t capacity;
    struct sim_plan fail, die;
    uint32_t sync_failures, op_failures;
    struct sim_disk_counts counts;
};

/* --- sim_disk_state.c: bytes, inodes, names. False: there was no memory, and the storage
 * knows it. --- */

bool sim_bytes_resize(struct sim_disk *storage, struct sim_bytes *b, uint64_t len);
bool sim_bytes_copy(struct sim_disk *storage, struct sim_bytes *to, const struct sim_bytes *from);

/* With one reference, the caller's. NULL: no memory. */
struct sim_inode *sim_inode_new(struct sim_disk *storage, bool is_dir);
void sim_inode_unref(struct sim_disk *storage, struct sim_inode *inode);
bool sim_inode_write(struct sim_disk *storage, struct sim_inode *inode, uint64_t offset,
                     const void *bytes, uint64_t len);
bool sim_inode_truncate(struct sim_disk *storage, struct sim_inode *inode, uint64_t size);
/* All that is pending becomes durable. */
bool sim_inode_sync(struct sim_disk *storage, struct sim_inode *inode);
void sim_inode_forget_changes(struct sim_disk *storage, struct sim_inode *inode);

struct sim_name *sim_find(struct sim_name *names, const char *path);
/* Sets or removes (inode NULL) a name; takes and gives references of its own. */
bool sim_names_set(struct sim_disk *storage, struct sim_name **names, const char *path,
                   struct sim_inode *inode);
void sim_names_clear(struct sim_disk *storage, struct sim_name **names);
/* The same in `names` and, pending, for the durable ones. */
bool sim_rename(struct sim_disk *storage, const char *path, struct sim_inode *inode);
/* Makes pending name changes durable: those in folder `dir`, or (NULL) the first `count`;
 * the others of the first kind stay, those of the second are forgotten. */
bool sim_names_sync(struct sim_disk *storage, const char *dir, uint64_t count);
bool sim_is_in_dir(const char *path, const char *dir);

#endif
