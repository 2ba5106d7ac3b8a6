/* The calls of a conn's views. */
#include <libchat/view.h>

#include <string.h>

#include "api/loop.h"
#include "client/view.h"

#define CONFIG_SIZE_V1 (offsetof(struct chat_view_config, around_seq) + sizeof(uint64_t))
#define ROWS_DEFAULT 50u

void chat_view_config_init_sized(struct chat_view_config *config, size_t size)
{
    const struct chat_view_config defaults = {
        .size = size,
        .rows = ROWS_DEFAULT,
        .rows_max = CHAT_VIEW_ROWS_MAX,
    };

    memcpy(config, &defaults, size < sizeof(defaults) ? size : sizeof(defaults));
}

static chat_status read_config(const struct chat_view_config *given, struct chat_view_config *out)
{
    chat_view_config_init(out);
    if (!given)
        return CHAT_OK;
    if (given->size < CONFIG_SIZE_V1 || given->size > sizeof(*out))
        return CHAT_E_INVALID;
    memcpy(out, given, given->size);
    return CHAT_OK;
}

chat_status chat_view_open_channels(chat_conn *conn, const struct chat_view_config *given,
                                    chat_view **out_view)
{
    struct chat_view_config config;
    chat_status status = read_config(given, &config);

    if (status != CHAT_OK)
        return status;
    loop_touch(conn);
    return view_open_channels(conn->core, &config, conn, out_view);
}

chat_status chat_view_open_messages(chat_conn *conn, uint64_t channel_id,
                                    const struct chat_view_config *given, chat_view **out_view)
{
    struct chat_view_config config;
    chat_status status = read_config(given, &config);

    if (status != CHAT_OK)
        return status;
    loop_touch(conn);
    return view_open_messages(conn->core, channel_id, &config, conn, out_view);
}

void chat_view_free(chat_view *view)
{
    if (!view)
        return;
    loop_touch(view_owner(view));
    view_free(view);
}

bool chat_view_next_diff(chat_view *view, struct chat_diff *out_diff)
{
    struct chat_conn *conn = view_owner(view);
    bool is_news = view_has_news(view), any;

    if (is_news)
        loop_enter(conn); /* names and presence of new rows may be to be asked for */
    any = view_next_diff(view, out_diff);
    if (any && !is_news)
        loop_enter(conn);
    loop_leave(conn);
    return any;
}

bool chat_view_get_row(chat_view *view, uint32_t index, const struct chat_row **out_row)
{
    bool any = view_get_row(view, index, out_row);

    loop_leave(view_owner(view));
    return any;
}

const struct chat_view_status *chat_view_get_status(chat_view *view)
{
    const struct chat_view_status *status = view_get_status(view);

    loop_leave(view_owner(view));
    return status;
}

chat_status chat_view_load_older(chat_view *view, uint32_t n)
{
    loop_touch(view_owner(view));
    return view_load_older(view, n);
}

chat_status chat_view_load_newer(chat_view *view, uint32_t n)
{
    loop_touch(view_owner(view));
    return view_load_newer(view, n);
}

chat_status chat_view_jump_to(chat_view *view, uint64_t seq)
{
    loop_touch(view_owner(view));
    return view_jump_to(view, seq);
}

chat_status chat_view_jump_to_latest(chat_view *view)
{
    loop_touch(view_owner(view));
    return view_jump_to_latest(view);
}

chat_status chat_view_set_visible(chat_view *view, uint32_t first, uint32_t last)
{
    loop_touch(view_owner(view));
    return view_set_visible(view, first, last);
}

chat_status chat_view_mark_read(chat_view *view)
{
    loop_touch(view_owner(view));
    return view_mark_read(view);
}
