/* The face that the screen gives the app, and what a turn does apart from the terminal. */
#include <stdlib.h>
#include <time.h>

#include "ui_inner.h"

#define REPAINTS_MAX 4 /* after which the next turn goes on */

static int64_t wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void note(struct app *app, const char *text)
{
    struct ui *ui = app->face.user;

    scene_note(&ui->scene, false, "%s", text);
    ui->dirty = true;
}

static void enter(struct app *app, uint64_t channel_id)
{
    ui_open_channel(app->face.user, channel_id, 0);
}

static void token_failed(struct app *app, const char *why)
{
    struct ui *ui = app->face.user;

    snprintf(ui->token_problem, sizeof(ui->token_problem), "%s; Ctrl-R tries again", why);
    snprintf(ui->scene.link.reason, sizeof(ui->scene.link.reason), "%s", ui->token_problem);
    ui->dirty = true;
}

bool ui_init(struct ui *ui, struct app *app)
{
    ui->app = app;
    ui->dirty = true;
    scene_init(&ui->scene);
    app->face = (struct app_face){note, enter, token_failed, ui};
    app->out = open_memstream(&ui->out_text, &ui->out_len);
    return app->out && ui_views_open(ui);
}

void ui_fini(struct ui *ui)
{
    ui_views_close(ui);
    if (ui->app->out)
        fclose(ui->app->out);
    ui->app->out = stdout;
    free(ui->out_text);
    free(ui->text);
    canvas_fini(&ui->canvas);
}

void ui_pull(struct ui *ui)
{
    ui_pull_events(ui);
    ui_pull_views(ui);
    ui_show_output(ui);
    app_ask_names(ui->app);
}

void ui_paint(struct ui *ui)
{
    for (int i = 0; i < REPAINTS_MAX && ui->dirty; i++) {
        scene_paint(&ui->scene, &ui->source, &ui->canvas, app_now_ms(), wall_ms(), &ui->shown);
        ui->dirty = ui_look_around(ui);
        ui_pull_views(ui);
    }
}
