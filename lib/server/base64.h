/* Base64, strict: no spaces, no stray bits, padding exactly as the alphabet wants it. */
#ifndef CHAT_SERVER_BASE64_H
#define CHAT_SERVER_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that decoding text_len characters gives at most. */
#define BASE64_DECODED_MAX(text_len) (((text_len) / 4) * 3 + 3)
/* Characters that encoding bytes_len bytes gives, without padding. */
#define BASE64URL_LEN(bytes_len) (((bytes_len)*4 + 2) / 3)

/* base64url without padding (RFC 7515 §2). False when it is not, or has more than out_max
 * bytes. */
bool base64url_decode(const char *text, size_t text_len, uint8_t *out, size_t out_max,
                      size_t *out_len);
/* Either alphabet (not mixed), padded or not: for files that people make. */
bool base64_decode_any(const char *text, size_t text_len, uint8_t *out, size_t out_max,
                       size_t *out_len);
/* Writes BASE64URL_LEN(bytes_len) characters, no NUL. */
void base64url_encode(const uint8_t *bytes, size_t bytes_len, char *out);

#endif
