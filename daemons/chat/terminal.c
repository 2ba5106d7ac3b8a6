#include "terminal.h"

#include <curses.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define ESCAPE_DELAY_MS 25
#define SEQUENCE_MAX 32 /* characters of a key's sequence */

/* Codes of our own for what curses has no name for. */
enum { CODE_PASTE_BEGIN = KEY_MAX + 1, CODE_PASTE_END, CODE_WORD_LEFT, CODE_WORD_RIGHT };

static struct {
    SCREEN *screen;
    struct termios before;
    int stderr_before; /* -1: it was not moved */
} term = {.stderr_before = -1};

static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
#define CRASHES_COUNT (sizeof(crashes) / sizeof(crashes[0]))

/* The terminal is usable again, then the signal does what it does. */
static void on_crash(int number)
{
    static const char reset[] = "\033[?2004l\033[0m\033[?1l\033>\033[?25h\033[?1049l\r\n";
    ssize_t ignored = write(STDOUT_FILENO, reset, sizeof(reset) - 1);

    (void)ignored;
    tcsetattr(STDIN_FILENO, TCSANOW, &term.before);
    raise(number);
}

static void watch_crashes(void)
{
    const struct sigaction ours = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND};
    struct sigaction before;

    for (size_t i = 0; i < CRASHES_COUNT; i++) {
        /* A sanitizer's handler stays: it has more to say. */
        if (sigaction(crashes[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
            sigaction(crashes[i], &ours, NULL);
    }
}

static void leave_crashes(void)
{
    const struct sigaction defaults = {.sa_handler = SIG_DFL};
    struct sigaction before;

    for (size_t i = 0; i < CRASHES_COUNT; i++)
        if (sigaction(crashes[i], NULL, &before) == 0 && before.sa_handler == on_crash)
            sigaction(crashes[i], &defaults, NULL);
}

static void move_stderr(FILE *log)
{
    int fd = log ? dup(fileno(log)) : open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    fflush(stderr);
    term.stderr_before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (term.stderr_before >= 0)
        dup2(fd, STDERR_FILENO);
    close(fd);
}

static void put_stderr_back(void)
{
    if (term.stderr_before < 0)
        return;
    fflush(stderr);
    dup2(term.stderr_before, STDERR_FILENO);
    close(term.stderr_before);
    term.stderr_before = -1;
}

/* curses writes text by the locale; a system without one that has UTF-8 still has this. */
static bool choose_locale(void)
{
    const char *set = setlocale(LC_ALL, "");

    if (set && MB_CUR_MAX > 1)
        return true;
    return setlocale(LC_CTYPE, "C.UTF-8") != NULL;
}

/* Ctrl-C is a key like others: whoever started chat, a script perhaps, is not to be interrupted
 * as well. Ctrl-Z goes on to suspend. */
static void set_modes(void)
{
    struct termios modes;

    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    meta(stdscr, TRUE);
    set_escdelay(ESCAPE_DELAY_MS);
    if (tcgetattr(STDIN_FILENO, &modes) < 0)
        return;
    modes.c_cc[VINTR] = _POSIX_VDISABLE;
    modes.c_cc[VQUIT] = _POSIX_VDISABLE;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &modes);
    def_prog_mode();
}

static void begin_colours(void)
{
    static const short colours[STYLE_COUNT] = {
        [STYLE_NAME_FIRST] = COLOR_CYAN,
        [STYLE_NAME_FIRST + 1] = COLOR_MAGENTA,
        [STYLE_NAME_FIRST + 2] = COLOR_YELLOW,
        [STYLE_NAME_FIRST + 3] = COLOR_BLUE,
        [STYLE_NAME_FIRST + 4] = COLOR_RED,
        [STYLE_NAME_FIRST + 5] = COLOR_GREEN,
        [STYLE_OWN] = COLOR_GREEN,
        [STYLE_MENTION] = COLOR_YELLOW,
        [STYLE_NEW] = COLOR_RED,
        [STYLE_ERROR] = COLOR_RED,
        [STYLE_ONLINE] = COLOR_GREEN,
        [STYLE_IDLE] = COLOR_YELLOW,
        [STYLE_DND] = COLOR_RED,
    };

    if (!has_colors() || start_color() == ERR)
        return;
    use_default_colors();
    for (short style = 1; style < STYLE_COUNT; style++)
        init_pair(style, colours[style] ? colours[style] : -1, -1);
    init_pair(STYLE_BANNER, COLOR_WHITE, COLOR_RED);
}

/* Whether pastes are told from typing. */
static void tell_pastes(bool tell)
{
    fputs(tell ? "\033[?2004h" : "\033[?2004l", stdout);
    fflush(stdout);
}

bool term_open(FILE *log)
{
    if (!choose_locale() || tcgetattr(STDIN_FILENO, &term.before) < 0)
        return false;
    term.screen = newterm(NULL, stdout, stdin);
    if (!term.screen)
        return false;
    if (!tigetstr("cup")) { /* a terminal that only prints */
        endwin();
        delscreen(term.screen);
        term.screen = NULL;
        return false;
    }
    move_stderr(log);
    watch_crashes();
    set_modes();
    begin_colours();
    define_key("\033[200~", CODE_PASTE_BEGIN);
    define_key("\033[201~", CODE_PASTE_END);
    define_key("\033[1;5D", CODE_WORD_LEFT);
    define_key("\033[1;5C", CODE_WORD_RIGHT);
    tell_pastes(true);
    return true;
}

void term_close(void)
{
    if (!term.screen)
        return;
    tell_pastes(false);
    endwin();
    delscreen(term.screen);
    term.screen = NULL;
    leave_crashes();
    put_stderr_back();
}

void term_get_size(int *out_columns, int *out_rows) { getmaxyx(stdscr, *out_rows, *out_columns); }

void term_resize(void)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
        resizeterm(size.ws_row, size.ws_col);
    tell_pastes(true); /* a shell may have changed that while chat was suspended */
    clearok(stdscr, TRUE);
}

void term_ring(void) { (void)beep(); }
void term_redraw(void) { clearok(stdscr, TRUE); }

/* --- keys --- */

static uint32_t translate(wint_t code)
{
    switch (code) {
    case KEY_UP: return TERM_UP;
    case KEY_DOWN: return TERM_DOWN;
    case KEY_LEFT: return TERM_LEFT;
    case KEY_RIGHT: return TERM_RIGHT;
    case KEY_SLEFT:
    case CODE_WORD_LEFT: return TERM_WORD_LEFT;
    case KEY_SRIGHT:
    case CODE_WORD_RIGHT: return TERM_WORD_RIGHT;
    case KEY_HOME: return TERM_HOME;
    case KEY_END: return TERM_END;
    case KEY_PPAGE: return TERM_PAGE_UP;
    case KEY_NPAGE: return TERM_PAGE_DOWN;
    case KEY_BACKSPACE: return TERM_BACKSPACE;
    case KEY_DC: return TERM_DELETE;
    case KEY_BTAB: return TERM_BACK_TAB;
    case KEY_ENTER: return TERM_ENTER;
    case KEY_F(1): return TERM_F1;
    case KEY_F(3): return TERM_F3;
    case KEY_F(10): return TERM_F10;
    case CODE_PASTE_BEGIN: return TERM_PASTE_BEGIN;
    case CODE_PASTE_END: return TERM_PASTE_END;
    default: return TERM_OTHER;
    }
}

static bool read_one(uint32_t *out)
{
    wint_t code;
    int got = get_wch(&code);

    if (got == ERR)
        return false;
    if (got == KEY_CODE_YES)
        *out = translate(code);
    else
        *out = code == 0x7f || code == '\b' ? TERM_BACKSPACE : (uint32_t)code;
    return true;
}

/* The rest of a sequence that curses does not know: none of it is typing. */
static void skip_sequence(uint32_t kind)
{
    uint32_t code;

    for (int i = 0; i < SEQUENCE_MAX && read_one(&code); i++)
        if (kind == 'O' || (code >= 0x40 && code <= 0x7e))
            return;
}

bool term_read(struct term_key *out)
{
    uint32_t code, next;

    if (!read_one(&code))
        return false;
    *out = (struct term_key){.code = code};
    if (code != TERM_ESCAPE || !read_one(&next))
        return true;
    *out = (struct term_key){.code = next, .alt = true};
    if (next == '[' || next == 'O') {
        skip_sequence(next);
        out->code = TERM_OTHER;
    }
    return true;
}

/* --- drawing --- */

static attr_t attributes_of(enum style style)
{
    switch (style) {
    case STYLE_DIM: return A_DIM;
    case STYLE_BAR: return A_REVERSE;
    case STYLE_BOLD:
    case STYLE_BANNER:
    case STYLE_OWN:
    case STYLE_MENTION:
    case STYLE_NEW:
    case STYLE_ERROR:
    case STYLE_SELECTED: return A_BOLD;
    case STYLE_PLAIN:
    case STYLE_NAME_FIRST:
    case STYLE_NAME_LAST:
    case STYLE_ONLINE:
    case STYLE_IDLE:
    case STYLE_DND:
    case STYLE_COUNT: return A_NORMAL;
    }
    return A_NORMAL;
}

static void show_cell(const struct cell *cell, int x, int y)
{
    wchar_t text[GLYPH_CHARS_MAX + 1] = {L' '};
    const short pair = has_colors() ? (short)cell->style : 0;
    cchar_t out;

    if (cell->count > 0)
        memcpy(text, cell->chars, cell->count * sizeof(text[0]));
    if (setcchar(&out, text, attributes_of((enum style)cell->style), pair, NULL) == OK)
        mvadd_wch(y, x, &out);
}

void term_show(const struct canvas *canvas, int cursor_x, int cursor_y)
{
    erase();
    for (int y = 0; y < canvas->rows; y++)
        for (int x = 0; x < canvas->columns; x++)
            if (canvas_get(canvas, x, y)->width > 0)
                show_cell(canvas_get(canvas, x, y), x, y);
    curs_set(cursor_x >= 0);
    if (cursor_x >= 0)
        move(cursor_y, cursor_x);
    refresh();
}
