/*
 * faults: makes one thing fail, the disk or memory, at a chosen place.
 *
 * The disk is a VFS in memory (support/memory_vfs.h). Memory is that of the client and of
 * SQLite alike: every allocation of either counts.
 */
#ifndef CHAT_TESTS_FAULTS_H
#define CHAT_TESTS_FAULTS_H

#include "../support/faulty_alloc.h"
#include "../support/memory_vfs.h"

#define FAULTS_VFS "memory"

enum fault_kind {
    FAULT_DISK,
    FAULT_FULL, /* the disk takes no more writes: for good only */
    FAULT_MEMORY,
};

struct faults {
    struct memory_vfs disk;
    struct faulty_alloc memory; /* hand out memory.allocator */
    size_t resting;             /* blocks that SQLite keeps with nothing open */
};

/* The only one of a program: SQLite's allocator is its. */
struct faults *faults_init(void);

/* After `place` calls one fails, or all do from then on. */
void faults_arm(struct faults *f, enum fault_kind kind, size_t place, bool for_good);
/* Nothing fails. */
void faults_disarm(struct faults *f);
/* At least one call has failed since it was armed. */
bool faults_fired(const struct faults *f, enum fault_kind kind);
/* Nothing is open, nothing is allocated. */
bool faults_are_clean(const struct faults *f);

#endif
