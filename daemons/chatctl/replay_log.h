/*
 * replay_log: what people once said, as lines "channel TAB time TAB nick TAB text", read
 * from a file or made up. What a message cannot hold is left out, and counted.
 */
#ifndef CHAT_CHATCTL_REPLAY_LOG_H
#define CHAT_CHATCTL_REPLAY_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/conn.h>

#define REPLAY_BYTES_MAX (1u << 30)
#define REPLAY_LINES_MAX 10000000u
#define REPLAY_NICKS_MAX 2000u
#define REPLAY_CHANNELS_MAX 64u /* a bit each in a nick's mask */
#define REPLAY_END UINT32_MAX

enum line_state { LINE_WAITING, LINE_SENT, LINE_DONE, LINE_REFUSED };

struct replay_line {
    const char *text; /* not NUL-terminated */
    uint32_t text_len;
    uint32_t nick;
    uint32_t next; /* line of this nick; REPLAY_END */
    uint8_t channel;
    uint8_t state; /* enum line_state */
    struct chat_nonce nonce;
    uint64_t seq; /* as acknowledged */
};

struct replay_nick {
    char *name;
    uint64_t channels;           /* bits */
    uint32_t first, last, count; /* of its lines */
};

struct replay_log {
    char *bytes;
    struct replay_line *lines;
    uint32_t count, cap;
    struct replay_nick *nicks;
    uint32_t nick_count;
    char *channels[REPLAY_CHANNELS_MAX];
    uint32_t channel_count;
    uint32_t skipped;       /* lines left out */
    uint32_t skipped_first; /* number of the first of them */
    uint32_t *table;        /* nick by hash */
};

/* Takes at most `max` lines. CTL_OK, or an exit code and it was said why. */
int replay_log_read(struct replay_log *log, const char *path, uint32_t max);
/* Makes up `count` lines of `people` in one channel; the same each time. */
int replay_log_make(struct replay_log *log, uint32_t count, uint32_t people);
void replay_log_fini(struct replay_log *log);

#endif
