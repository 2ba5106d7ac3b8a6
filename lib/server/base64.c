#include "server/base64.h"

enum alphabet { ALPHABET_URL, ALPHABET_STANDARD };

/* 64 for what is not in the alphabet. */
static uint32_t value_of(char c, enum alphabet alphabet)
{
    if (c >= 'A' && c <= 'Z')
        return (uint32_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint32_t)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0') + 52;
    if (c == (alphabet == ALPHABET_URL ? '-' : '+'))
        return 62;
    if (c == (alphabet == ALPHABET_URL ? '_' : '/'))
        return 63;
    return 64;
}

static bool decode(const char *text, size_t text_len, enum alphabet alphabet, uint8_t *out,
                   size_t out_max, size_t *out_len)
{
    uint32_t bits = 0;
    uint32_t bit_count = 0;
    size_t len = 0;

    if (text_len % 4 == 1)
        return false;
    for (size_t i = 0; i < text_len; i++) {
        uint32_t value = value_of(text[i], alphabet);

        if (value == 64)
            return false;
        bits = (bits << 6 | value) & 0xffffff;
        bit_count += 6;
        if (bit_count < 8)
            continue;
        bit_count -= 8;
        if (len == out_max)
            return false;
        out[len++] = (uint8_t)(bits >> bit_count);
    }
    /* Left-over bits must be zero: each value has one spelling. */
    if (bits & ((1u << bit_count) - 1))
        return false;
    *out_len = len;
    return true;
}

bool base64url_decode(const char *text, size_t text_len, uint8_t *out, size_t out_max,
                      size_t *out_len)
{
    return decode(text, text_len, ALPHABET_URL, out, out_max, out_len);
}

bool base64_decode_any(const char *text, size_t text_len, uint8_t *out, size_t out_max,
                       size_t *out_len)
{
    if (text_len > 0 && text_len % 4 == 0 && text[text_len - 1] == '=')
        text_len -= text[text_len - 2] == '=' ? 2 : 1;
    return decode(text, text_len, ALPHABET_URL, out, out_max, out_len) ||
           decode(text, text_len, ALPHABET_STANDARD, out, out_max, out_len);
}

void base64url_encode(const uint8_t *bytes, size_t bytes_len, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    uint32_t bit_count = 0;

    for (size_t i = 0; i < bytes_len; i++) {
        bits = (bits << 8 | bytes[i]) & 0xffffff;
        bit_count += 8;
        while (bit_count >= 6) {
            bit_count -= 6;
            *out++ = digits[(bits >> bit_count) & 63];
        }
    }
    if (bit_count > 0)
        *out = digits[(bits << (6 - bit_count)) & 63];
}
