#include "base/utf8.h"

#include <string.h>

#define LOW_BITS UINT64_C(0x0101010101010101)
#define HIGH_BITS UINT64_C(0x8080808080808080)

/* Eight bytes of 1 to 127: none has its high bit set, and none gets it by taking 1 away. */
static bool is_plain_word(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof(word));
    return (((word - LOW_BITS) | word) & HIGH_BITS) == 0;
}

static bool is_tail(uint8_t byte) { return (byte & 0xc0) == 0x80; }

/* The length of the character at p, 0 when it is not one. The second byte's range is what
 * keeps out overlongs, surrogates and what is above U+10FFFF. */
static size_t char_len(const uint8_t *p, size_t len)
{
    uint8_t first = p[0];
    uint8_t low = 0x80, high = 0xbf;
    size_t need;

    if (first >= 0x01 && first <= 0x7f)
        return 1;
    if (first >= 0xc2 && first <= 0xdf) {
        need = 2;
    } else if (first >= 0xe0 && first <= 0xef) {
        need = 3;
        if (first == 0xe0)
            low = 0xa0;
        if (first == 0xed)
            high = 0x9f;
    } else if (first >= 0xf0 && first <= 0xf4) {
        need = 4;
        if (first == 0xf0)
            low = 0x90;
        if (first == 0xf4)
            high = 0x8f;
    } else {
        return 0;
    }
    if (len < need || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < need; i++) {
        if (!is_tail(p[i]))
            return 0;
    }
    return need;
}

bool utf8_is_valid(const uint8_t *bytes, size_t len)
{
    size_t at = 0;

    while (at < len) {
        size_t step =
            len - at >= 8 && is_plain_word(bytes + at) ? 8 : char_len(bytes + at, len - at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

size_t utf8_cut(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    while (max > 0 && is_tail((uint8_t)text[max]))
        max--;
    return max;
}
