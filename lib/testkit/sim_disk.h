/*
 * sim_disk: a disk in memory that behaves as badly as a real one may.
 *
 * The storage (struct sim_disk) holds what is on the platter and what is only in the
 * operating system's memory. A process reaches it through a mount, which is a struct
 * disk. When the process dies its mount is dead: every later operation on it fails, so
 * the dead object can be torn down in peace while a new mount looks at what is left.
 *
 *   kill        the process died: all it wrote is there, locks are gone
 *   power loss  every mount is dead, and of what was not synced any part survives:
 *               all, none, a prefix with a torn end, or single sectors
 *   sync fault  what was not synced is visible until a power loss, but a later sync
 *               does not save it: only writing it again does
 *
 * The same seed and the same calls give the same disk. Without memory every operation
 * from then on is CHAT_E_NOMEM. Threads: one.
 */
#ifndef CHAT_SIM_DISK_H
#define CHAT_SIM_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "server/store/disk.h"

struct sim_disk;

enum sim_disk_op {
    SIM_DISK_OPEN = 1u << 0,
    SIM_DISK_READ = 1u << 1,
    SIM_DISK_WRITE = 1u << 2, /* allocate, too */
    SIM_DISK_TRUNCATE = 1u << 3,
    SIM_DISK_SYNC = 1u << 4,
    SIM_DISK_NAMES = 1u << 5, /* remove, rename, make_dir */
    SIM_DISK_SYNC_DIR = 1u << 6,
};
#define SIM_DISK_CHANGES                                                                           \
    (SIM_DISK_OPEN | SIM_DISK_WRITE | SIM_DISK_TRUNCATE | SIM_DISK_SYNC | SIM_DISK_NAMES |         \
     SIM_DISK_SYNC_DIR)
#define SIM_DISK_ANY (SIM_DISK_CHANGES | SIM_DISK_READ)

enum sim_disk_death {
    SIM_DISK_KILL,
    SIM_DISK_POWER_LOSS,
};

/* What went wrong so far, for the simulator's table of faults. */
struct sim_disk_counts {
    uint64_t ops, kills, power_losses;
    uint64_t dropped_sectors, kept_sectors; /* unsynced ones, at power losses */
    uint64_t failed_syncs, failed_ops, full;
};

/* `allocator` may be NULL: malloc. NULL when there is no memory. */
struct sim_disk *sim_disk_new(const struct chat_allocator *allocator, uint64_t seed);
void sim_disk_free(struct sim_disk *storage); /* mounts first; NULL is fine */

/* NULL when there is no memory. */
struct disk *sim_disk_mount(struct sim_disk *storage);
/* Closes what the mount still has open. NULL is fine. */
void sim_disk_unmount(struct disk *mount);
bool sim_disk_is_dead(const struct disk *mount);
bool sim_disk_has_open_files(const struct disk *mount);

void sim_disk_kill(struct disk *mount);
void sim_disk_power_loss(struct sim_disk *storage);

/*
 * Makes `to`, which has no mount that lives, what `from` is as a process sees it: the same
 * files, all of them durable. A backup, and its restoration.
 * Errors: CHAT_E_STATE (`to` is in use), CHAT_E_NOMEM.
 */
chat_status sim_disk_copy(struct sim_disk *to, const struct sim_disk *from);

/* False: some operation found no memory, and all do since. */
bool sim_disk_has_memory(const struct sim_disk *storage);

/* Bytes there may be in all files; UINT64_MAX at first. */
void sim_disk_set_capacity(struct sim_disk *storage, uint64_t bytes);
uint64_t sim_disk_used(const struct sim_disk *storage);

/* Of the operations in `ops` (enum sim_disk_op) `after` succeed, then `times` fail with
 * `status`. One plan at a time; times 0 ends it. */
void sim_disk_fail(struct sim_disk *storage, uint32_t ops, uint64_t after, uint64_t times,
                   chat_status status);
/* Of the operations in `ops` `after` are done; the next is cut short by this death. */
void sim_disk_die(struct sim_disk *storage, uint32_t ops, uint64_t after,
                  enum sim_disk_death death);
/* Chances, of a million, that a sync or any other operation fails. */
void sim_disk_set_rates(struct sim_disk *storage, uint32_t sync_failures, uint32_t op_failures);

const struct sim_disk_counts *sim_disk_get_counts(const struct sim_disk *storage);

/* --- for tests: behind everybody's back --- */

/* The file's bytes as a process would read them; NULL: no such file. */
const uint8_t *sim_disk_peek(const struct sim_disk *storage, const char *path, uint64_t *out_size);
/* Writes to a file, made if need be, and to its durable copy. */
void sim_disk_poke(struct sim_disk *storage, const char *path, uint64_t offset, const void *bytes,
                   uint64_t len);
void sim_disk_lose_file(struct sim_disk *storage, const char *path);

#endif
