/*
 * page: a request that needs rows to be answered: history, changes, users. It is kept as
 * its encoded frame, with what was found so far.
 */
#ifndef CHAT_SERVER_STORE_PAGE_H
#define CHAT_SERVER_STORE_PAGE_H

#include <libchat/limits.h>

#include "server/store/reads.h"
#include "server/store/wait.h"

#define PAGE_ARENA_MAX (8u << 20)
#define CHANGES_WINDOW 1000u    /* revs looked at for one page */
#define CHANGES_TOO_MANY 10000u /* alterations behind: drop the ranges */
#define USERS_PAGE_MAX 100u     /* ids in a FetchUsers */

/* An altered message that a page of changes will hold. */
struct page_change {
    uint64_t rev, seq;
};

/* A message id being looked for: see seek.h. */
struct page_seek {
    uint64_t message_id;
    uint64_t low, high; /* its seq is within, if it is there */
    void (*then)(struct shard *s, struct read_job *job, uint64_t seq);
};

struct page_job {
    link_id link;
    uint64_t request_id;
    struct frame *frame; /* the request, encoded */
    struct arena arena;  /* the request decoded, and what was found so far */
    const WireLinkFrame *request;

    /* History. */
    struct page_seek seek;
    uint64_t start_seq;

    /* Changes. */
    WirePosition head;
    uint64_t covered_to_rev;
    struct page_change *changes;
    uint32_t change_count, change_next;
    uint32_t asked; /* of them, or of a seek's probes, in the read under way */
    size_t bytes;

    /* Changes and users: what the answer will hold. */
    WireMessage **messages;
    WireUser **users;
    uint32_t found_count, user_next;
};

void page_free(struct shard *s, struct page_job *page); /* NULL is fine */
/* A read that keeps the request. NULL: too many or no memory, and that was the answer. */
struct read_job *page_read_new(struct shard *s, const struct request *req,
                               void (*found)(struct shard *s, struct read_job *job));
/* Fills page->request. False: no memory, and that was the answer. */
bool page_decode(struct shard *s, struct page_job *page);
static inline struct request page_request(const struct page_job *page)
{
    return (struct request){.link = page->link, .frame = page->request};
}

/* The conversation of a read request, if its user may look into it; else it was answered,
 * or waits. */
struct home *page_home(struct shard *s, uint64_t channel_id, const struct request *req);
/* When the rows are there: still allowed? If not, it was answered. */
bool page_still_allowed(struct shard *s, struct home *home, const struct request *req);
/* The answer may rest on a membership that is not synced. */
struct home *page_barrier(const struct shard *s, struct home *home);

/* The channel's synced state: the overlay's row, else `found`. NULL: there is none. */
const WireChannelRow *page_channel(struct shard *s, uint64_t channel_id,
                                   const struct engine_result *found, struct arena *arena);
/* False: the table is ahead of the home's memory. Another owner decided that, perhaps also
 * who may read; the shard is fenced, the request answered. */
bool page_is_ours(struct shard *s, const struct home *home, const WireChannelRow *channel,
                  const struct request *req);
/* A synced message, likewise. */
const WireMessage *page_message(struct shard *s, uint64_t channel_id, uint64_t seq,
                                const struct engine_row *found, struct arena *arena,
                                size_t *out_len);
void page_position(const WireChannelRow *row, uint64_t channel_id, WirePosition *out_position);

/* Handlers of frames. */
void history_fetch(struct shard *s, const struct request *req);
void changes_fetch(struct shard *s, const struct request *req);

#endif
