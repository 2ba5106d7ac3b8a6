/* Memory that must not be touched is told to AddressSanitizer, where that is built in. */
#ifndef CHAT_BASE_POISON_H
#define CHAT_BASE_POISON_H

#if defined(__SANITIZE_ADDRESS__)
#define KNOWS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KNOWS_ASAN 1
#endif
#endif
#ifdef KNOWS_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(bytes, size) ((void)(bytes), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(bytes, size) ((void)(bytes), (void)(size))
#endif

#endif
