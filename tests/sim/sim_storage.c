#include "sim_storage.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/store/engine_embedded.h"
#include "server/store/engine_memory.h"
#include "server/store/engine_vfs.h"
#include "testkit/sim_disk.h"

/* Small, so that segments are reused and checkpoints happen within a short run. */
#define SEGMENTS 4u

struct sim_storage {
    struct sim_disk *disk;
    struct disk *mount;
    uint64_t seed;
};

struct sim_cache_disk {
    struct sim_disk *disk;
    struct sim_disk *copy; /* NULL: none was taken */
    struct disk *mount;
    struct engine_vfs *vfs;
    uint64_t seed;
};

struct sim_cluster {
    struct engine_memory_cluster *cluster;
};

/* Either the table is checkpointed all the time, or only when the log needs the room. */
static const uint64_t checkpoint_sizes[] = {128u << 10, 16u << 20, 16u << 20};

/* The smaller, the sooner the log comes round; a batch has to fit. */
static const uint64_t segment_sizes[] = {48u << 10, 48u << 10, 96u << 10, 256u << 10};

static void *must(void *memory)
{
    if (!memory) {
        fprintf(stderr, "simulator: out of memory\n");
        exit(2);
    }
    return memory;
}

/* --- the disk of a store --- */

struct sim_storage *sim_storage_new(uint64_t seed)
{
    struct sim_storage *s = must(calloc(1, sizeof(*s)));

    s->disk = must(sim_disk_new(NULL, seed));
    s->seed = seed;
    return s;
}

void sim_storage_free(struct sim_storage *s)
{
    if (!s)
        return;
    sim_disk_unmount(s->mount);
    sim_disk_free(s->disk);
    free(s);
}

struct store_engine *sim_storage_engine(struct sim_storage *s)
{
    struct engine_embedded_config config;
    struct store_engine *engine = NULL;

    sim_disk_unmount(s->mount);
    s->mount = must(sim_disk_mount(s->disk));
    engine_embedded_config_init(&config);
    config.disk = s->mount;
    config.root = "data";
    config.seed = s->seed;
    config.segment_bytes = segment_sizes[s->seed % (sizeof(segment_sizes) / sizeof(uint64_t))];
    config.log_bytes_max = SEGMENTS * config.segment_bytes;
    config.free_bytes_min = 0;
    config.cache_bytes = 1u << 20;
    config.reader_cache_bytes = 256u << 10;
    config.checkpoint_bytes_per_s = 0;
    config.checkpoint_bytes = checkpoint_sizes[(s->seed >> 32) % 3];
    if (engine_embedded_new(&config, &engine) != CHAT_OK)
        must(NULL);
    return engine;
}

void sim_storage_crash(struct sim_storage *s, bool lost)
{
    sim_disk_die(s->disk, SIM_DISK_ANY, UINT64_MAX, SIM_DISK_KILL);
    sim_disk_fail(s->disk, 0, 0, 0, CHAT_OK);
    if (s->mount && !sim_disk_is_dead(s->mount)) {
        if (lost)
            sim_disk_power_loss(s->disk);
        else
            sim_disk_kill(s->mount);
    }
}

void sim_storage_crash_at(struct sim_storage *s, uint32_t operations)
{
    sim_disk_die(s->disk, SIM_DISK_CHANGES, operations == UINT32_MAX ? UINT64_MAX : operations,
                 SIM_DISK_POWER_LOSS);
}

void sim_storage_crash_at_sync(struct sim_storage *s, uint32_t syncs)
{
    sim_disk_die(s->disk, SIM_DISK_SYNC, syncs, SIM_DISK_POWER_LOSS);
}

bool sim_storage_is_dead(const struct sim_storage *s)
{
    return s->mount && sim_disk_is_dead(s->mount);
}

void sim_storage_fail_sync(struct sim_storage *s)
{
    sim_disk_fail(s->disk, SIM_DISK_SYNC, 0, 1, CHAT_E_IO);
}

void sim_storage_set_full(struct sim_storage *s, bool full)
{
    sim_disk_set_capacity(s->disk, full ? sim_disk_used(s->disk) : UINT64_MAX);
}

/* --- the disk of a device --- */

struct sim_cache_disk *sim_cache_disk_new(uint64_t seed)
{
    struct sim_cache_disk *d = must(calloc(1, sizeof(*d)));

    d->disk = must(sim_disk_new(NULL, seed));
    d->seed = seed;
    return d;
}

void sim_cache_disk_free(struct sim_cache_disk *d)
{
    if (!d)
        return;
    sim_cache_disk_unmount(d);
    sim_disk_free(d->copy);
    sim_disk_free(d->disk);
    free(d);
}

const char *sim_cache_disk_mount(struct sim_cache_disk *d)
{
    struct engine_vfs_config config = {.seed = d->seed};

    d->mount = must(sim_disk_mount(d->disk));
    config.disk = d->mount;
    if (engine_vfs_new(&config, &d->vfs) != CHAT_OK)
        must(NULL);
    return engine_vfs_name(d->vfs);
}

const char *sim_cache_disk_vfs(const struct sim_cache_disk *d) { return engine_vfs_name(d->vfs); }

void sim_cache_disk_crash(struct sim_cache_disk *d, bool lost)
{
    if (!d || !d->mount)
        return;
    sim_disk_die(d->disk, SIM_DISK_ANY, UINT64_MAX, SIM_DISK_KILL); /* it had its death */
    if (sim_disk_is_dead(d->mount))
        return;
    if (lost)
        sim_disk_power_loss(d->disk);
    else
        sim_disk_kill(d->mount);
}

void sim_cache_disk_die_at(struct sim_cache_disk *d, uint32_t operations, bool lost)
{
    sim_disk_die(d->disk, SIM_DISK_WRITE | SIM_DISK_SYNC, operations,
                 lost ? SIM_DISK_POWER_LOSS : SIM_DISK_KILL);
}

bool sim_cache_disk_is_dead(const struct sim_cache_disk *d)
{
    return d && d->mount && sim_disk_is_dead(d->mount);
}

void sim_cache_disk_unmount(struct sim_cache_disk *d)
{
    if (!d)
        return;
    engine_vfs_free(d->vfs);
    sim_disk_unmount(d->mount);
    d->vfs = NULL;
    d->mount = NULL;
}

void sim_cache_disk_backup(struct sim_cache_disk *d)
{
    sim_disk_free(d->copy);
    d->copy = must(sim_disk_new(NULL, d->seed));
    if (sim_disk_copy(d->copy, d->disk) != CHAT_OK)
        must(NULL);
}

void sim_cache_disk_restore(struct sim_cache_disk *d)
{
    if (!d->copy || sim_disk_copy(d->disk, d->copy) != CHAT_OK)
        must(NULL);
}

void sim_cache_disk_set_full(struct sim_cache_disk *d, bool full)
{
    sim_disk_set_capacity(d->disk, full ? sim_disk_used(d->disk) : UINT64_MAX);
}

/* --- a shared database --- */

struct sim_cluster *sim_cluster_new(void)
{
    struct sim_cluster *c = must(calloc(1, sizeof(*c)));

    c->cluster = must(engine_memory_cluster_new(NULL));
    return c;
}

void sim_cluster_free(struct sim_cluster *c)
{
    if (!c)
        return;
    engine_memory_cluster_free(c->cluster);
    free(c);
}

struct store_engine *sim_cluster_engine(struct sim_cluster *c)
{
    return must(engine_memory_new(c->cluster, NULL));
}

void sim_cluster_fail_next(struct store_engine *engine, bool done)
{
    engine_memory_fail_next(engine, ENGINE_APPEND, CHAT_E_IO, done);
}
