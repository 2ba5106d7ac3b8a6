/*
 * client core: one signed-in user on one device, as a machine. It decides when to dial,
 * what to say and what to believe, and keeps it in the cache; it owns no socket and reads
 * no clock.
 *
 *   CONNECTING -> AUTHENTICATING -> SYNCING -> LIVE
 *        ^               |             |        |
 *    BACKING_OFF <-------+-------------+--------+
 *
 * The host feeds events and pulls effects as with any machine (peer 0 is the service), and
 * between them makes the calls below for the application. They use the time of the last
 * event fed: feed EVENT_TIMER first.
 *
 * Everything written during one turn is one transaction. It is committed by poll(), by
 * client_next_event(), and before a call below that promises durability returns. When
 * the cache refuses, the turn is undone as a whole: the link is dropped, memory is read
 * back from the cache, and the application is told.
 */
#ifndef CHAT_CLIENT_CORE_H
#define CHAT_CLIENT_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/event.h>
#include <libchat/log.h>
#include <libchat/message.h>
#include <libchat/status.h>

#include "base/list.h"
#include "wire/machine.h"

struct client_core;

struct client_config {
    const struct chat_allocator *allocator;
    const struct chat_logger *logger;
    const struct chat_allocator *page_allocator; /* of pages the application owns; NULL: the same */
    uint64_t seed;          /* of ids and jitter: random, another at each opening */
    const char *cache_path; /* NULL: in memory */
    const char *cache_vfs;
    uint32_t cache_pages_max; /* of 4 KiB; 0: no limit */
    const char *token;        /* may be NULL */
    const char *client;       /* "name/version" */

    uint32_t outbox_max;
    uint32_t events_max;
    uint32_t requests_max;
    uint32_t keep_max;        /* newest messages per channel; 0: all */
    uint64_t cache_bytes_max; /* more is evicted; 0: no limit */
    uint32_t lanes_max;       /* pages asked for at once */
    uint32_t gap_grace_ms;    /* for a live hole to close by itself before a page is asked for */
    uint32_t hello_timeout_ms;
    uint32_t request_timeout_ms;
    uint32_t backoff_base_ms;
    uint32_t backoff_max_ms;
    uint32_t wal_pages_max; /* a checkpoint is made in idle time beyond this */
    chat_presence_state presence;
};

void client_config_init(struct client_config *config);

/* Opens the cache; strings are copied. Errors: of cache_open(), CHAT_E_INVALID. */
chat_status client_new(const struct client_config *config, struct client_core **out_core);
void client_free(struct client_core *core);
struct machine *client_machine(struct client_core *core);

/* --- life --- */

chat_status client_start(struct client_core *core);
void client_stop(struct client_core *core);
void client_suspend(struct client_core *core);
void client_resume(struct client_core *core);
void client_network_changed(struct client_core *core);
chat_status client_set_token(struct client_core *core, const char *token, size_t len);
/* What the host knows about the end of a link, before it feeds LINK_CLOSED. */
void client_link_problem(struct client_core *core, chat_status status, const char *text,
                         size_t len);

/*
 * A message of the link, for a host that has little time: instead of EVENT_LINK_MESSAGE it
 * calls client_received(), then client_receive() until that says true. `*at` begins at 0 and
 * says how much of `bytes` is done; `*units` how much may be done yet: a frame is one unit, and
 * so is each message or channel within it. Between two calls the machine may be polled (which
 * commits what was done) and fed as always, but no later message of the link. One whose link
 * is gone is done.
 */
void client_received(struct client_core *core, struct moment now);
bool client_receive(struct client_core *core, link_id link, const uint8_t *bytes, size_t len,
                    size_t *at, uint32_t *units);

/* After a read that no turn follows: a suspended core closes its file again. */
void client_let_go(struct client_core *core);
/* After such a read: what it met or wants is to be seen to by poll(). */
bool client_wants_turn(const struct client_core *core);
bool client_has_event(const struct client_core *core);
bool client_next_event(struct client_core *core, struct chat_event *out);

chat_conn_state client_state(const struct client_core *core);
uint64_t client_user_id(const struct client_core *core);
const char *client_user_name(const struct client_core *core);
const char *client_last_problem(const struct client_core *core);

/* --- outbox: see <libchat/conn.h> for what these promise --- */

chat_status client_send(struct client_core *core, uint64_t channel_id,
                        const struct chat_content *content, struct chat_nonce *out_nonce);
chat_status client_edit(struct client_core *core, uint64_t channel_id, uint64_t seq,
                        const struct chat_content *content, struct chat_nonce *out_nonce);
chat_status client_delete(struct client_core *core, uint64_t channel_id, uint64_t seq,
                          struct chat_nonce *out_nonce);
chat_status client_react(struct client_core *core, uint64_t channel_id, uint64_t seq,
                         const char *emoji, size_t len, bool remove, struct chat_nonce *out_nonce);
chat_status client_edit_outgoing(struct client_core *core, const struct chat_nonce *nonce,
                                 const struct chat_content *content, struct chat_nonce *out_nonce);
chat_status client_delete_outgoing(struct client_core *core, const struct chat_nonce *nonce,
                                   struct chat_nonce *out_nonce);
chat_status client_react_outgoing(struct client_core *core, const struct chat_nonce *nonce,
                                  const char *emoji, size_t len, bool remove,
                                  struct chat_nonce *out_nonce);
chat_status client_mark_read(struct client_core *core, uint64_t channel_id, uint64_t seq);
void client_set_read_receipts(struct client_core *core, bool tell);
chat_status client_set_typing(struct client_core *core, uint64_t channel_id, bool typing);
chat_status client_set_muted(struct client_core *core, uint64_t channel_id, int64_t until_ms);
chat_status client_set_draft(struct client_core *core, uint64_t channel_id, const char *text,
                             size_t len, uint64_t reply_to_seq);
uint32_t client_outgoing_count(const struct client_core *core);
bool client_outgoing(struct client_core *core, uint32_t index, const struct chat_outgoing **out);
chat_status client_resend(struct client_core *core, const struct chat_nonce *nonce,
                          struct chat_nonce *out_nonce);
chat_status client_discard(struct client_core *core, const struct chat_nonce *nonce);
chat_status client_flush(struct client_core *core);

/* --- reads --- */

const struct chat_channel *client_next_channel(struct client_core *core, uint64_t after_id);
const struct chat_channel *client_channel(struct client_core *core, uint64_t channel_id);
const struct chat_user *client_user(struct client_core *core, uint64_t user_id);
const struct chat_draft *client_draft(struct client_core *core, uint64_t channel_id);
chat_status client_receipts(struct client_core *core, uint64_t channel_id,
                            const struct chat_receipt *const **out, size_t *out_count);
chat_status client_read(struct client_core *core, uint64_t channel_id, uint64_t start_seq,
                        uint32_t limit, bool backwards, chat_page **out_page);

chat_status client_search(struct client_core *core, const char *text, size_t text_len,
                          uint64_t channel_id, uint64_t before, uint32_t limit,
                          uint64_t *out_ticket);
/* Messages that the index does not have yet. */
uint64_t client_search_backlog(struct client_core *core);

/* --- requests --- */

chat_status client_fetch_history(struct client_core *core, uint64_t channel_id, uint64_t start_seq,
                                 uint32_t limit, bool backwards, uint64_t *out_ticket);
chat_status client_fetch_around(struct client_core *core, uint64_t channel_id, uint64_t seq,
                                uint32_t limit, uint64_t *out_ticket);
chat_status client_find_message(struct client_core *core, uint64_t channel_id, uint64_t message_id,
                                uint32_t limit, uint64_t *out_ticket);
chat_status client_fetch_users(struct client_core *core, const uint64_t *ids, size_t count,
                               uint64_t *out_ticket);
chat_status client_find_user(struct client_core *core, const char *subject, size_t len,
                             uint64_t *out_ticket);
chat_status client_fetch_members(struct client_core *core, uint64_t home_id, uint64_t after_user_id,
                                 uint32_t limit, uint64_t *out_ticket);
chat_status client_open_direct(struct client_core *core, uint64_t peer_id, uint64_t *out_ticket);
chat_status client_create_group(struct client_core *core, const char *name, size_t name_len,
                                const uint64_t *ids, size_t count, uint64_t *out_ticket);
chat_status client_set_member(struct client_core *core, uint64_t home_id, uint64_t user_id,
                              uint32_t permissions, uint64_t *out_ticket);

chat_status client_fetch_receipts(struct client_core *core, uint64_t channel_id,
                                  uint64_t *out_ticket);
chat_status client_fetch_devices(struct client_core *core, uint64_t *out_ticket);
chat_status client_sign_out_device(struct client_core *core, uint64_t device_id,
                                   uint64_t *out_ticket);
chat_status client_sign_out_everywhere(struct client_core *core, uint64_t *out_ticket);

chat_status client_watch_presence(struct client_core *core, const uint64_t *ids, size_t count);
chat_status client_set_presence(struct client_core *core, chat_presence_state state);
void client_set_active(struct client_core *core);

#endif
