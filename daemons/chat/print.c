#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app.h"

static bool is_control(const unsigned char *at, size_t left)
{
    if (at[0] < 0x20 || at[0] == 0x7f)
        return true;
    /* U+0080 to U+009F are C1 controls; U+202A to U+202E and U+2066 to U+2069 turn the line. */
    if (left >= 2 && at[0] == 0xc2 && at[1] < 0xa0)
        return true;
    if (left >= 3 && at[0] == 0xe2 && at[1] == 0x80 && at[2] >= 0xaa && at[2] <= 0xae)
        return true;
    return left >= 3 && at[0] == 0xe2 && at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9;
}

static size_t character_len(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xe0)
        return 2;
    return first < 0xf0 ? 3 : 4;
}

void print_text(FILE *out, const char *text, size_t text_len)
{
    const unsigned char *bytes = (const unsigned char *)text;

    for (size_t i = 0; i < text_len;) {
        size_t len = character_len(bytes[i]);
        if (len > text_len - i)
            len = text_len - i;
        if (bytes[i] == '\n')
            fputs("\n    ", out);
        else if (bytes[i] == '\t')
            fputc(' ', out);
        else if (is_control(bytes + i, text_len - i))
            fputc('?', out);
        else
            fwrite(bytes + i, 1, len, out);
        i += len;
    }
}

void want_name(struct app *app, uint64_t user_id)
{
    if (user_id == 0 || chat_conn_get_user(app->conn, user_id))
        return;
    for (size_t i = 0; i < app->wanted_count; i++) {
        if (app->wanted_ids[i] == user_id)
            return; /* asked for already: some have no name */
    }
    if (app->wanted_count < APP_NAMES_MAX)
        app->wanted_ids[app->wanted_count++] = user_id;
}

void print_user(struct app *app, FILE *out, uint64_t user_id)
{
    const struct chat_user *user = chat_conn_get_user(app->conn, user_id);

    if (user && user->name_len > 0) {
        print_text(out, user->name, user->name_len);
        return;
    }
    if (user_id != 0 && user_id == chat_conn_get_user_id(app->conn)) {
        const char *own = chat_conn_get_user_name(app->conn);
        print_text(out, own, strlen(own));
        return;
    }
    want_name(app, user_id);
    fprintf(out, "%" PRIu64, user_id);
}

void print_channel_name(struct app *app, FILE *out, const struct chat_channel *channel)
{
    if (channel->kind == CHAT_HOME_DIRECT) {
        uint64_t peer_id = channel->peer_id;
        fputc('@', out);
        print_user(app, out, peer_id);
        return;
    }
    fputc('#', out);
    print_text(out, channel->name, channel->name_len);
}

static void print_time(FILE *out, int64_t at_ms)
{
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm tm;
    char text[16];

    if (localtime_r(&seconds, &tm) && strftime(text, sizeof(text), "%H:%M:%S", &tm) > 0)
        fputs(text, out);
}

void print_message(struct app *app, const struct chat_message *message, const char *note)
{
    /* The message is borrowed until the next call: names are looked up after it is read. */
    struct chat_message m = *message;
    char *text = malloc(m.text_len + 1);

    if (!text)
        return;
    memcpy(text, m.text, m.text_len);
    if (app->options.show_ids)
        fprintf(app->out, "%" PRIu64 " %" PRIu64 " %" PRIu64 " ", m.channel_id, m.seq,
                m.message_id);
    print_time(app->out, m.sent_at_ms);
    fputc(' ', app->out);
    if (m.channel_id != app->channel_id) {
        const struct chat_channel *channel = chat_conn_get_channel(app->conn, m.channel_id);
        if (channel) {
            struct chat_channel copy = *channel;
            char name[CHAT_NAME_MAX + 1];
            size_t len = copy.name_len < sizeof(name) ? copy.name_len : sizeof(name) - 1;
            memcpy(name, copy.name, len);
            copy.name = name;
            copy.name_len = len;
            print_channel_name(app, app->out, &copy);
            fputc(' ', app->out);
        }
    }
    fputc('<', app->out);
    print_user(app, app->out, m.author_id);
    fputs("> ", app->out);
    if (m.reply_to_seq != 0)
        fprintf(app->out, "(to %" PRIu64 ") ", m.reply_to_seq);
    if (m.deleted)
        fputs("(deleted)", app->out);
    else
        print_text(app->out, text, m.text_len);
    for (size_t i = 0; i < m.reactions_count; i++) {
        fputs("  ", app->out);
        print_text(app->out, m.reactions[i]->emoji, m.reactions[i]->emoji_len);
        fprintf(app->out, " %zu", m.reactions[i]->count);
    }
    if (m.edited_at_ms != 0 && !m.deleted)
        fputs(" (edited)", app->out);
    if (note)
        fprintf(app->out, "  %s", note);
    fputc('\n', app->out);
    free(text);
}

void print_note(struct app *app, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    app->face.note(app, text);
}

void print_channels(struct app *app)
{
    const struct chat_channel *channel;
    uint64_t after = 0;
    unsigned number = 1;

    while ((channel = chat_conn_next_channel(app->conn, after))) {
        struct chat_channel copy = *channel;
        char name[CHAT_NAME_MAX + 1];
        size_t len = copy.name_len < sizeof(name) ? copy.name_len : sizeof(name) - 1;

        memcpy(name, copy.name, len);
        copy.name = name;
        copy.name_len = len;
        after = copy.channel_id;
        fprintf(app->out, "%c %2u  ", copy.channel_id == app->channel_id ? '*' : ' ', number++);
        print_channel_name(app, app->out, &copy);
        fprintf(app->out, "  (%" PRIu64 " messages", copy.head_seq);
        if (copy.unread > 0)
            fprintf(app->out, ", %" PRIu64 " unread", copy.unread);
        if (copy.mentions > 0)
            fprintf(app->out, ", %" PRIu32 " for you", copy.mentions);
        fprintf(app->out, ")  id %" PRIu64 "\n", copy.channel_id);
    }
    if (number == 1)
        print_note(app, "no conversations yet: /direct NAME or /group TITLE NAME...");
}

void print_history(struct app *app, uint32_t limit)
{
    chat_page *page = NULL;
    chat_status status = chat_conn_read_messages(app->conn, app->channel_id, 0, limit, true, &page);

    if (status != CHAT_OK) {
        print_note(app, "cannot read the cache: %s", chat_status_text(status));
        return;
    }
    for (size_t i = 0; i < chat_page_get_count(page); i++)
        print_message(app, chat_page_get_message(page, i), NULL);
    chat_page_free(page);
}

static bool name_is(struct app *app, const struct chat_channel *channel, const char *what)
{
    size_t len;

    if (*what == '#' || *what == '@')
        what++;
    len = strlen(what);
    if (channel->kind == CHAT_HOME_DIRECT) {
        const struct chat_user *peer = chat_conn_get_user(app->conn, channel->peer_id);
        return peer && peer->name_len == len && memcmp(peer->name, what, len) == 0;
    }
    return channel->name_len == len && memcmp(channel->name, what, len) == 0;
}

uint64_t find_channel(struct app *app, const char *what)
{
    const struct chat_channel *channel;
    char *end = NULL;
    uint64_t number = strtoull(what, &end, 10);
    uint64_t after = 0, place = 1;

    if (*what == '\0' || *end != '\0')
        number = 0;
    while ((channel = chat_conn_next_channel(app->conn, after))) {
        struct chat_channel copy = *channel;
        after = copy.channel_id;
        if (number != 0 && (number == place || number == copy.channel_id))
            return after;
        if (number == 0 && name_is(app, channel, what))
            return after;
        place++;
    }
    return 0;
}
