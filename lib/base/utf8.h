/* UTF-8 as the protocol wants it. */
#ifndef CHAT_BASE_UTF8_H
#define CHAT_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Well-formed (no overlongs, no surrogates, at most U+10FFFF) and without NUL. */
bool utf8_is_valid(const uint8_t *bytes, size_t len);
/* The greatest length <= max that does not cut a character of valid text. */
size_t utf8_cut(const char *text, size_t len, size_t max);

#endif
