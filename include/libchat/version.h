/*
 * Which libchat this is: the header's version at compile time, the library's at run time.
 *
 * Within one soname (the ABI number) a program runs with any library that is as new as the
 * headers it was built with, or newer: structs have a `size`, fields and enum values are only
 * appended, and symbols stay.
 */
#ifndef LIBCHAT_VERSION_H
#define LIBCHAT_VERSION_H

#include <stdint.h>

#include <libchat/export.h>

CHAT_BEGIN_DECLS

#define CHAT_VERSION_MAJOR 0
#define CHAT_VERSION_MINOR 1
#define CHAT_VERSION_PATCH 0
#define CHAT_VERSION_NUMBER                                                                        \
    (CHAT_VERSION_MAJOR * 1000000 + CHAT_VERSION_MINOR * 1000 + CHAT_VERSION_PATCH)

/* Counts up whenever a program must be compiled anew; it is the number in the soname. */
#define CHAT_ABI_VERSION 0

/* CHAT_VERSION_NUMBER and CHAT_ABI_VERSION of the library that is loaded. Any thread. */
CHAT_API uint32_t chat_version_number(void);
CHAT_API uint32_t chat_abi_version(void);

CHAT_END_DECLS

#endif
