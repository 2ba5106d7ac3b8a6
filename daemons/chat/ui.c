#include "ui.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

#include "ui_inner.h"

#define KEYS_MAX 4096    /* in one turn */
#define IDLE_MS 60000    /* a turn at least so often */
#define TOKEN_POLL_MS 50 /* while the token command comes to its end */
#define SECOND_MS 1000

static volatile sig_atomic_t resized;

static void on_resize(int number)
{
    (void)number;
    resized = 1;
}

static bool fit_canvas(struct ui *ui)
{
    int columns, rows;

    term_get_size(&columns, &rows);
    canvas_fini(&ui->canvas);
    ui->dirty = true;
    return canvas_init(&ui->canvas, columns, rows);
}

static void paint(struct ui *ui)
{
    ui_paint(ui);
    if (ui->rings)
        term_ring();
    ui->rings = false;
    term_show(&ui->canvas, ui->shown.has_cursor ? ui->shown.cursor_x : -1, ui->shown.cursor_y);
}

/* How long nothing has to be done unless something happens. */
static int timeout_of(const struct ui *ui)
{
    int64_t timeout_ms = chat_loop_get_timeout_ms(ui->app->loop);
    int64_t most_ms = IDLE_MS;

    if (ui->dirty)
        most_ms = 0;
    else if (token_is_ending(ui->app))
        most_ms = TOKEN_POLL_MS;
    else if (ui->scene.link.state == CHAT_CONN_BACKING_OFF) /* the banner counts down */
        most_ms = SECOND_MS;
    return (int)(timeout_ms < 0 || timeout_ms > most_ms ? most_ms : timeout_ms);
}

static void read_keys(struct ui *ui)
{
    struct term_key key;

    for (int i = 0; i < KEYS_MAX && term_read(&key); i++)
        ui_key(ui, &key);
    if (ui->written)
        ui_keep_draft(ui);
}

/* Waits and does what there is to do. False: it ends. Signals come in while it waits. */
static bool turn(struct ui *ui, const sigset_t *while_waiting)
{
    struct app *app = ui->app;
    struct pollfd fds[3] = {
        {.fd = chat_loop_get_fd(app->loop), .events = POLLIN},
        {.fd = 0, .events = POLLIN},
        {.fd = token_get_fd(app), .events = POLLIN},
    };
    const int wait_ms = timeout_of(ui);
    const struct timespec timeout = {wait_ms / 1000, wait_ms % 1000 * 1000000L};

    if (ppoll(fds, 3, &timeout, while_waiting) < 0 && errno != EINTR)
        return false;
    if (fds[1].revents & (POLLHUP | POLLERR | POLLNVAL))
        return false; /* the terminal is gone */
    if (resized) {
        resized = 0;
        term_resize();
        if (!fit_canvas(ui))
            return false;
    }
    read_keys(ui);
    token_turn(app);
    if (chat_loop_step(app->loop, 0) != CHAT_OK)
        return false;
    ui_pull(ui);
    if (ui->scene.link.state == CHAT_CONN_BACKING_OFF)
        ui->dirty = true;
    return true;
}

static void run(struct ui *ui, const volatile sig_atomic_t *interrupted)
{
    sigset_t blocked, before;

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGHUP);
    sigaddset(&blocked, SIGWINCH);
    sigaddset(&blocked, SIGCONT);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    do {
        if (ui->dirty)
            paint(ui);
    } while (!ui->app->quit && !*interrupted && turn(ui, &before));
    sigprocmask(SIG_SETMASK, &before, NULL);
}

bool ui_run(struct app *app, const volatile sig_atomic_t *interrupted)
{
    static struct ui ui; /* large: kept off the stack */
    const struct sigaction on_winch = {.sa_handler = on_resize};
    struct sigaction winch_before, cont_before;
    bool opened = false;

    sigaction(SIGWINCH, &on_winch, &winch_before);
    sigaction(SIGCONT, &on_winch, &cont_before); /* all of it is set and painted anew */
    if (!term_open(app->log)) {
        sigaction(SIGWINCH, &winch_before, NULL);
        sigaction(SIGCONT, &cont_before, NULL);
        return false;
    }
    opened = ui_init(&ui, app) && fit_canvas(&ui);
    if (opened)
        run(&ui, interrupted);
    term_close();
    sigaction(SIGWINCH, &winch_before, NULL);
    sigaction(SIGCONT, &cont_before, NULL);
    if (!opened) {
        fputs("chat: out of memory\n", stderr);
        app->exit_code = 1;
    } else if (ui.scene.link.state == CHAT_CONN_OFFLINE && ui.token_problem[0]) {
        fprintf(stderr, "chat: %s\n", ui.token_problem);
        app->exit_code = 1;
    }
    ui_fini(&ui);
    return true;
}
