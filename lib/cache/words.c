#include "cache/words.h"

#include <string.h>

#include "base/utf8.h"

/* Before a channel's number in its term: private use, so no language's. */
#define CHANNEL_MARK "\xee\x80\x80"
#define CHANNEL_TERM_MAX (sizeof(CHANNEL_MARK) + 16)
#define HALF_FULL_WIDTH 0xfee0u

/* --- characters --- */

/* Of well-formed text. */
static uint32_t next_char(const char **at)
{
    const uint8_t *p = (const uint8_t *)*at;
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    uint32_t c = len == 1 ? p[0] : p[0] & (0xffu >> (len + 1));

    for (size_t i = 1; i < len; i++)
        c = c << 6 | (p[i] & 0x3fu);
    *at += len;
    return c;
}

/* Written without spaces: Thai, Lao, Tibetan, Burmese, Khmer; Japanese, Chinese, Korean. */
static bool is_run(uint32_t c)
{
    static const struct {
        uint32_t from, to;
    } scripts[] = {
        {0x0e00, 0x0fff}, {0x1000, 0x11ff}, {0x1780, 0x17ff}, {0x2e80, 0x2fdf},
        {0x3005, 0x3007}, {0x3041, 0x31ff}, {0x3400, 0x4dbf}, {0x4e00, 0x9fff},
        {0xa960, 0xa97f}, {0xac00, 0xd7ff}, {0xf900, 0xfaff}, {0x20000, 0x3ffff},
    };

    if (c < scripts[0].from || (c >= 0x10a0 && c <= 0x10ff)) /* Georgian has spaces */
        return false;
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        if (c <= scripts[i].to)
            return c >= scripts[i].from;
    }
    return false;
}

static bool is_accent(uint32_t c) { return (c >= 0x300 && c <= 0x36f) || c == 0x200d; }

static uint32_t plain_width(uint32_t c)
{
    if (c < 0xff01 || c > 0xff5e)
        return c;
    c -= HALF_FULL_WIDTH;
    return c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c;
}

static bool is_term_char(uint32_t c)
{
    return c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
}

/* --- folding --- */

struct folding {
    struct buf *out;
    size_t word_at; /* where the word under way begins */
    bool in_run;
    chat_status status;
};

static void put(struct folding *f, const char *bytes, size_t len)
{
    if (f->status == CHAT_OK)
        f->status = buf_append(f->out, bytes, len);
}

static void begin_word(struct folding *f, bool in_run)
{
    if (f->out->len > 0 && f->out->bytes[f->out->len - 1] != ' ')
        put(f, " ", 1);
    f->word_at = f->out->len;
    f->in_run = in_run;
}

/* One of SQLite's tokens: a word, or several where the scripts change within it. */
static int on_token(void *user, int flags, const char *token, int len, int from, int to)
{
    struct folding *f = user;
    const char *at = token, *end = token + len;

    (void)flags, (void)from, (void)to;
    begin_word(f, false);
    while (at < end && f->status == CHAT_OK) {
        const char *begun = at;
        uint32_t c = next_char(&at), plain = plain_width(c);
        bool run = is_run(c);
        char ascii = (char)plain;

        if (is_accent(c) || !is_term_char(plain))
            continue;
        if (run != f->in_run)
            begin_word(f, run);
        if (!run && f->out->len - f->word_at + 4 > WORD_MAX)
            continue; /* as long as words are kept, here and in what is searched for */
        if (plain < 0x80)
            put(f, &ascii, 1);
        else
            put(f, begun, (size_t)(at - begun));
    }
    return f->status == CHAT_OK ? SQLITE_OK : SQLITE_NOMEM;
}

chat_status words_fold(const struct words *w, const char *text, size_t len, struct buf *out)
{
    struct folding f = {.out = out};
    int rc;

    buf_clear(out);
    len = len > WORDS_TEXT_MAX ? utf8_cut(text, len, WORDS_TEXT_MAX) : len;
    put(&f, " ", 1);
    rc = w->functions.xTokenize(w->tokenizer, &f, FTS5_TOKENIZE_DOCUMENT, text, (int)len, on_token);
    if (rc != SQLITE_OK || f.status != CHAT_OK)
        return CHAT_E_NOMEM;
    if (out->bytes[out->len - 1] != ' ')
        put(&f, " ", 1);
    if (out->len == 1)
        buf_clear(out);
    return f.status;
}

/* --- words of a folded text --- */

struct word {
    const char *bytes;
    size_t len;
    bool is_run, is_last;
};

static bool next_word(const struct buf *folded, size_t *at, struct word *out)
{
    const char *bytes = (const char *)folded->bytes, *end, *first;

    if (*at + 1 >= folded->len)
        return false;
    out->bytes = first = bytes + *at + 1;
    end = memchr(first, ' ', folded->len - *at - 1);
    out->len = (size_t)(end - first);
    out->is_run = is_run(next_char(&first));
    *at += out->len + 1;
    out->is_last = *at + 1 >= folded->len;
    return true;
}

/* --- terms --- */

static size_t channel_term(uint64_t channel_id, char out[CHANNEL_TERM_MAX])
{
    static const char digits[] = "0123456789abcdef";
    size_t len = sizeof(CHANNEL_MARK) - 1;

    memcpy(out, CHANNEL_MARK, len);
    do { /* the lowest digit first: beginnings of channels' terms differ */
        out[len++] = digits[channel_id & 15];
        channel_id >>= 4;
    } while (channel_id);
    return len;
}

typedef chat_status (*term_fn)(struct buf *out, const char *term, size_t len);

/* Each character of a run that `singles` asks for, and each pair. */
static chat_status run_terms(const struct word *w, bool singles, term_fn fn, struct buf *out)
{
    const char *at = w->bytes, *end = w->bytes + w->len, *before = NULL;
    chat_status status = CHAT_OK;

    while (at < end && status == CHAT_OK) {
        const char *begun = at;

        (void)next_char(&at);
        if (singles || (!before && at == end))
            status = fn(out, begun, (size_t)(at - begun));
        if (before && status == CHAT_OK)
            status = fn(out, before, (size_t)(at - before));
        before = begun;
    }
    return status;
}

static chat_status add_term(struct buf *out, const char *term, size_t len)
{
    chat_status status = buf_append(out, term, len);

    return status == CHAT_OK ? buf_append(out, " ", 1) : status;
}

chat_status words_terms(const struct buf *folded, uint64_t channel_id, struct buf *out)
{
    char channel[CHANNEL_TERM_MAX];
    chat_status status = CHAT_OK;
    size_t at = 0;
    struct word w;

    buf_clear(out);
    if (channel_id)
        status = add_term(out, channel, channel_term(channel_id, channel));
    while (status == CHAT_OK && next_word(folded, &at, &w)) {
        if (w.is_run)
            status = run_terms(&w, true, add_term, out);
        else
            status = add_term(out, w.bytes, w.len);
    }
    return status;
}

/* --- the query --- */

static chat_status add_quoted(struct buf *out, const char *term, size_t len)
{
    chat_status status = buf_append(out, "\"", 1);

    if (status == CHAT_OK)
        status = buf_append(out, term, len);
    return status == CHAT_OK ? buf_append(out, "\" ", 2) : status;
}

static bool is_beginning(const struct word *w, bool open_end)
{
    return open_end && w->is_last && !w->is_run && w->len >= WORD_PREFIX_MIN;
}

chat_status words_match(const struct buf *folded, bool open_end, uint64_t channel_id,
                        struct buf *out)
{
    char channel[CHANNEL_TERM_MAX];
    chat_status status = CHAT_OK;
    size_t at = 0;
    struct word w;

    buf_clear(out);
    if (channel_id)
        status = add_quoted(out, channel, channel_term(channel_id, channel));
    while (status == CHAT_OK && next_word(folded, &at, &w)) {
        if (w.is_run)
            status = run_terms(&w, false, add_quoted, out);
        else
            status = add_quoted(out, w.bytes, w.len);
        if (status == CHAT_OK && is_beginning(&w, open_end))
            status = buf_append(out, "* ", 2);
    }
    return status == CHAT_OK ? buf_append(out, "", 1) : status;
}

bool words_are_in(const struct buf *folded, bool open_end, const struct buf *text)
{
    size_t at = 0;
    struct word w;

    while (next_word(folded, &at, &w)) {
        /* A run is found anywhere in one, a word between its spaces. */
        const char *wanted = w.is_run ? w.bytes : w.bytes - 1;
        size_t len = w.is_run ? w.len : w.len + 1 + !is_beginning(&w, open_end);
        const char *from = (const char *)text->bytes, *end = from + text->len;
        bool found = false;

        while (!found && from && (size_t)(end - from) >= len) {
            from = memchr(from, wanted[0], (size_t)(end - from) - len + 1);
            found = from && memcmp(from, wanted, len) == 0;
            from = from ? from + 1 : NULL;
        }
        if (!found)
            return false;
    }
    return true;
}

/* --- SQLite's tokenizer --- */

static int find_api(sqlite3 *db, fts5_api **out_api)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &st, NULL);

    *out_api = NULL;
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_pointer(st, 1, (void *)out_api, "fts5_api_ptr", NULL);
    if (rc == SQLITE_OK)
        (void)sqlite3_step(st);
    if (rc == SQLITE_OK)
        rc = sqlite3_finalize(st);
    else
        (void)sqlite3_finalize(st);
    return rc == SQLITE_OK && !*out_api ? SQLITE_ERROR : rc;
}

int words_init(struct words *w, sqlite3 *db)
{
    static const char *const arguments[] = {"remove_diacritics", "2", "categories", "L* N* M* Co"};
    fts5_api *api;
    void *user;
    int rc = find_api(db, &api);

    if (rc == SQLITE_OK)
        rc = api->xFindTokenizer(api, "unicode61", &user, &w->functions);
    if (rc == SQLITE_OK)
        rc = w->functions.xCreate(user, (const char **)(uintptr_t)arguments, 4, &w->tokenizer);
    if (rc != SQLITE_OK)
        w->tokenizer = NULL;
    return rc;
}

void words_fini(struct words *w)
{
    if (w->tokenizer)
        w->functions.xDelete(w->tokenizer);
    w->tokenizer = NULL;
}
