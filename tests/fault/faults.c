#include "faults.h"

#include <string.h>

/* In front of each of SQLite's blocks: it asks for their size. */
struct head {
    size_t size;
    size_t padding;
};

static struct faults faults;

static void *take(int size)
{
    struct head *h = faulty_alloc_alloc(&faults.memory, sizeof(*h) + (size_t)size);

    if (!h)
        return NULL;
    h->size = (size_t)size;
    return h + 1;
}

static void give(void *block)
{
    if (block)
        faulty_alloc_free(&faults.memory, (struct head *)block - 1);
}

static int size_of(void *block) { return block ? (int)((struct head *)block - 1)->size : 0; }

static void *resize(void *block, int size)
{
    void *grown = take(size);
    int had = size_of(block);

    if (!grown)
        return NULL;
    if (block)
        memcpy(grown, block, (size_t)(had < size ? had : size));
    give(block);
    return grown;
}

static int round_up(int size) { return (size + 7) & ~7; }

static int begin(void *user)
{
    (void)user;
    return SQLITE_OK;
}

static void end(void *user) { (void)user; }

struct faults *faults_init(void)
{
    static const sqlite3_mem_methods methods = {
        .xMalloc = take,
        .xFree = give,
        .xRealloc = resize,
        .xSize = size_of,
        .xRoundup = round_up,
        .xInit = begin,
        .xShutdown = end,
    };
    sqlite3 *db = NULL;

    faulty_alloc_init(&faults.memory);
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) != SQLITE_OK)
        abort();
    memory_vfs_init(&faults.disk, FAULTS_VFS);
    /* What it makes once and keeps. */
    if (sqlite3_open_v2("warm", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, FAULTS_VFS) !=
        SQLITE_OK)
        abort();
    sqlite3_close(db);
    memory_vfs_erase(&faults.disk);
    faults.resting = faults.memory.live;
    return &faults;
}

void faults_arm(struct faults *f, enum fault_kind kind, size_t place, bool for_good)
{
    faults_disarm(f);
    if (kind == FAULT_DISK)
        memory_vfs_fail_after(&f->disk, place, for_good);
    else if (kind == FAULT_FULL)
        memory_vfs_full_after(&f->disk, place);
    else
        faulty_alloc_fail_at(&f->memory, place, for_good);
}

void faults_disarm(struct faults *f)
{
    bool disk = f->disk.failed, memory = f->memory.failed;

    memory_vfs_fail_after(&f->disk, MEMORY_VFS_NEVER, false);
    faulty_alloc_fail_at(&f->memory, FAULTY_ALLOC_NEVER, false);
    f->disk.failed = disk;
    f->memory.failed = memory;
}

bool faults_fired(const struct faults *f, enum fault_kind kind)
{
    return kind == FAULT_MEMORY ? f->memory.failed : f->disk.failed;
}

bool faults_are_clean(const struct faults *f)
{
    return f->memory.live == f->resting && memory_vfs_open_count(&f->disk) == 0;
}
