/*
 * deadly_vfs: SQLite's default VFS, in which the process is killed (-9) at a chosen change of
 * the disk: between two of them, or with a write half done.
 */
#ifndef CHAT_TESTS_DEADLY_VFS_H
#define CHAT_TESTS_DEADLY_VFS_H

#include <stdint.h>

#define DEADLY_VFS "deadly"

/* Registers it. Dies at the `die_at`-th write, sync, truncation or removal; 0: never. */
void deadly_vfs_init(uint64_t die_at);

#endif
