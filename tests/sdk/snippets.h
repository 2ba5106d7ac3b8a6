/* What the pages of docs/sdk take for granted: an application. For snippets.py. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <libchat/libchat.h>
#include <libchat/testkit.h>

extern chat_loop *loop;
extern chat_conn *conn, *bob;
extern struct chat_loop_config loop_config;
extern struct chat_conn_config conn_config;
extern struct chat_event event;
extern uint64_t channel_id, my_ticket;
extern const char *text;
extern size_t text_len;

void on_event(const struct chat_event *event);
void show_channel(const struct chat_channel *channel);
void show_message(const struct chat_message *message);
void show_gap(uint64_t channel_id, uint64_t from_seq, uint64_t to_seq);
void show_pending(const struct chat_nonce *nonce, const char *text, size_t text_len);
void keep_in_the_input_line(void);
void read_again(uint64_t channel_id, uint64_t from_seq, uint64_t to_seq);
void read_all_again(uint64_t channel_id);
void forget_messages(uint64_t channel_id);
void wait_for(uint64_t ticket);
void hide_banner(void);
void banner_after_ms(int ms, const char *text);
void ask_backend(bool was_refused);

/* views.md */
struct my_list;
struct my_widget;
struct my_widget *my_widget_new(const struct chat_row *row);
void my_widget_set(struct my_widget *widget, const struct chat_row *row);
struct my_widget *my_list_at(struct my_list *list, uint32_t index);
void my_list_insert(struct my_list *list, uint32_t index, struct my_widget *widget);
void my_list_remove(struct my_list *list, uint32_t index);
void my_list_move(struct my_list *list, uint32_t index, uint32_t to_index);
void my_list_clear(struct my_list *list);
void my_list_set_status(struct my_list *list, const struct chat_view_status *status);

/* testing.md */
extern struct chat_testkit_config config;
extern chat_testkit *kit;
extern chat_testkit_device *phone;
extern uint64_t channel, seq;
extern void *user;
void each(const struct chat_message *message, void *user);
