#include "sim_held.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 200u

void sim_held_forget(struct sim_held *h)
{
    free(h->bits);
    *h = (struct sim_held){0};
}

static void grow(struct sim_held *h, uint64_t seq)
{
    const uint64_t words = seq / 64 + 1;

    if (words <= h->words)
        return;
    h->bits = realloc(h->bits, (size_t)words * 2 * sizeof(uint64_t));
    if (!h->bits) {
        fprintf(stderr, "simulator: out of memory\n");
        exit(2);
    }
    memset(h->bits + h->words, 0, (size_t)(words * 2 - h->words) * sizeof(uint64_t));
    h->words = words * 2;
}

void sim_held_set(struct sim_held *h, uint64_t from, uint64_t to, bool held)
{
    if (from > to)
        return;
    grow(h, to);
    for (uint64_t seq = from; seq <= to; seq++) {
        if (held)
            h->bits[seq / 64] |= 1ull << seq % 64;
        else
            h->bits[seq / 64] &= ~(1ull << seq % 64);
    }
}

bool sim_held_has(const struct sim_held *h, uint64_t seq)
{
    return seq / 64 < h->words && (h->bits[seq / 64] >> seq % 64 & 1);
}

uint64_t sim_held_next(const struct sim_held *h, uint64_t seq, uint64_t to)
{
    for (; seq <= to; seq++)
        if (sim_held_has(h, seq))
            return seq;
    return 0;
}

/* Backwards and forwards a page ends where something is not held: each seq there is tried. */
bool sim_held_read(struct sim_held *h, chat_conn *conn, uint64_t channel_id, uint64_t to)
{
    sim_held_forget(h);
    for (uint64_t seq = 1; seq <= to; seq++) {
        chat_page *page = NULL;
        uint64_t end;

        if (chat_conn_read_messages(conn, channel_id, seq, PAGE, false, &page) != CHAT_OK)
            return false;
        end = chat_page_get_to_seq(page);
        for (size_t i = 0; i < chat_page_get_count(page); i++) {
            const uint64_t held = chat_page_get_message(page, i)->seq;

            if (held <= to)
                sim_held_set(h, held, held, true);
        }
        chat_page_free(page);
        if (end > seq)
            seq = end;
    }
    return true;
}

uint64_t sim_held_compare(const struct sim_held *a, const struct sim_held *b, uint64_t to)
{
    for (uint64_t seq = 1; seq <= to; seq++)
        if (sim_held_has(a, seq) != sim_held_has(b, seq))
            return seq;
    return 0;
}
