/* Quotes, escapes, commas and comments of one value. */
#include <string.h>

#include "base/alloc.h"
#include "server/config_inner.h"

struct lexer {
    const struct chat_allocator *allocator;
    const char *at, *end;
    bool is_list, comments;
    char **texts;
    size_t count, cap;
    const char *reason;
};

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static void skip_blanks(struct lexer *l)
{
    while (l->at < l->end && is_blank(*l->at))
        l->at++;
}

static chat_status bad(struct lexer *l, const char *reason)
{
    l->reason = reason;
    return CHAT_E_INVALID;
}

/* Takes `text`. */
static chat_status push(struct lexer *l, char *text)
{
    if (!text)
        return CHAT_E_NOMEM;
    if (l->count == CONFIG_LIST_MAX) {
        alloc_free(l->allocator, text);
        return bad(l, "more than 1,024 items");
    }
    if (l->count == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 1;
        char **texts =
            alloc_resize(l->allocator, l->texts, l->count * sizeof(*texts), cap * sizeof(*texts));
        if (!texts) {
            alloc_free(l->allocator, text);
            return CHAT_E_NOMEM;
        }
        l->texts = texts;
        l->cap = cap;
    }
    l->texts[l->count++] = text;
    return CHAT_OK;
}

static char unescaped(char c)
{
    switch (c) {
    case '"':
    case '\\': return c;
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    default: return '\0';
    }
}

static chat_status lex_quoted(struct lexer *l)
{
    char text[CONFIG_VALUE_MAX];
    size_t len = 0;

    for (l->at++; l->at < l->end && *l->at != '"'; l->at++) {
        char c = *l->at;

        if (c == '\\') {
            if (++l->at == l->end)
                break;
            c = unescaped(*l->at);
            if (c == '\0')
                return bad(l, "after a backslash only \" \\ n t r may stand");
        }
        if (len == sizeof(text))
            return bad(l, "longer than 4,096 bytes");
        text[len++] = c;
    }
    if (l->at >= l->end)
        return bad(l, "the closing quote is missing");
    l->at++;
    return push(l, alloc_text(l->allocator, text, len));
}

/* Up to a comma (lists), " #" or the end, trimmed. */
static chat_status lex_bare(struct lexer *l)
{
    const char *start = l->at;
    const char *stop;

    for (; l->at < l->end; l->at++) {
        if (l->is_list && *l->at == ',')
            break;
        if (l->comments && *l->at == '#' && (l->at == start || is_blank(l->at[-1])))
            break;
    }
    stop = l->at;
    while (stop > start && is_blank(stop[-1]))
        stop--;
    if (stop == start)
        return bad(l, l->is_list ? "an item is empty; write \"\" for an empty text"
                                 : "no value; write \"\" for an empty text");
    if ((size_t)(stop - start) > CONFIG_VALUE_MAX)
        return bad(l, "longer than 4,096 bytes");
    return push(l, alloc_text(l->allocator, start, (size_t)(stop - start)));
}

static bool at_end(const struct lexer *l)
{
    return l->at == l->end || (l->comments && *l->at == '#');
}

static chat_status lex_items(struct lexer *l)
{
    chat_status status;

    skip_blanks(l);
    if (l->is_list && at_end(l))
        return CHAT_OK;
    for (;;) {
        skip_blanks(l);
        status = l->at < l->end && *l->at == '"' ? lex_quoted(l) : lex_bare(l);
        if (status != CHAT_OK)
            return status;
        skip_blanks(l);
        if (at_end(l))
            return CHAT_OK;
        if (!l->is_list || *l->at != ',')
            return bad(l, "something follows the closing quote");
        l->at++;
    }
}

chat_status config_lex(const struct chat_allocator *allocator, const char *text, size_t text_len,
                       bool is_list, bool comments, char ***out_texts, size_t *out_count,
                       const char **out_reason)
{
    struct lexer l = {
        .allocator = allocator,
        .at = text,
        .end = text + text_len,
        .is_list = is_list,
        .comments = comments,
    };
    chat_status status = lex_items(&l);

    if (status != CHAT_OK) {
        for (size_t i = 0; i < l.count; i++)
            alloc_free(allocator, l.texts[i]);
        alloc_free(allocator, l.texts);
        *out_reason = l.reason;
        return status;
    }
    *out_texts = l.texts;
    *out_count = l.count;
    return CHAT_OK;
}
