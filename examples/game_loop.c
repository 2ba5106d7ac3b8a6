/*
 * A game of 60 frames a second with a chat in it. Shows <libchat/adapters/game.h>: libchat works
 * within a budget of each frame, however much comes at once, and so many lines appear per frame as
 * the screen can take. Ends when somebody says "gg"; fails when the budget was broken by far.
 *
 *   cc game_loop.c $(pkg-config --cflags --libs libchat) -o game_loop
 *   CHAT_URL=wss://localhost:8443/ CHAT_TOKEN=... CHAT_CA=ca.pem ./game_loop
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libchat/adapters/game.h>
#include <libchat/libchat.h>

#define FRAME_NS 16000000
#define FRAMES_MAX 20000u /* some five minutes */
#define BUDGET_US 2000u   /* a step ends within twice that */
#define LINES_MAX 8u      /* of chat, per frame */

struct world {
    unsigned frames, lines;
    unsigned frames_over; /* in which libchat took more than twice its budget */
    int64_t longest_ns;   /* that libchat took of a frame */
    bool is_live, is_over;
};

static int64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void sleep_until(int64_t at_ns)
{
    struct timespec at = {.tv_sec = (time_t)(at_ns / 1000000000), .tv_nsec = at_ns % 1000000000};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0)
        ; /* a signal: go on sleeping */
}

static void on_event(chat_conn *conn, const struct chat_event *event, void *user)
{
    struct world *world = user;

    (void)conn;
    if (event->type == CHAT_EVENT_STATE && event->state == CHAT_CONN_LIVE && !world->is_live) {
        world->is_live = true;
        printf("in the game\n");
    }
    if (event->type == CHAT_EVENT_STATE && event->state == CHAT_CONN_CLOSED)
        world->is_over = true;
    if (event->type == CHAT_EVENT_MESSAGE) {
        world->lines++; /* a real one would draw it */
        world->is_over |= strcmp(event->message->text, "gg") == 0;
    }
}

static void play_frame(struct world *world, const struct chat_game *game)
{
    int64_t began_ns = now_ns(), took_ns;

    (void)chat_game_frame(game);
    took_ns = now_ns() - began_ns;
    world->longest_ns = took_ns > world->longest_ns ? took_ns : world->longest_ns;
    world->frames_over += took_ns > 2000 * (int64_t)BUDGET_US;
    /* A real one moves its world and draws it here. */
    world->frames++;
}

static void play(struct world *world, chat_loop *loop)
{
    const struct chat_game game = {.loop = loop,
                                   .budget_us = BUDGET_US,
                                   .events_max = LINES_MAX,
                                   .on_event = on_event,
                                   .user = world};
    int64_t next_ns = now_ns();

    while (!world->is_over && world->frames < FRAMES_MAX) {
        play_frame(world, &game);
        next_ns += FRAME_NS;
        sleep_until(next_ns);
    }
}

int main(void)
{
    struct chat_loop_config loop_config;
    struct chat_conn_config config;
    struct world world = {0};
    chat_loop *loop = NULL;
    chat_conn *conn = NULL;

    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    chat_loop_config_init(&loop_config);
    loop_config.ca_file = getenv("CHAT_CA");
    chat_conn_config_init(&config);
    config.url = getenv("CHAT_URL");
    config.token = getenv("CHAT_TOKEN");
    if (chat_loop_new(&loop_config, &loop) == CHAT_OK &&
        chat_conn_new(loop, &config, &conn) == CHAT_OK && chat_conn_start(conn) == CHAT_OK)
        play(&world, loop);
    chat_conn_free(conn);
    chat_loop_free(loop);

    printf("%u frames, %u lines of chat; the longest took libchat %.2f ms, %u took over %.0f ms\n",
           world.frames, world.lines, (double)world.longest_ns / 1e6, world.frames_over,
           2 * BUDGET_US / 1e3);
    /* One or the other is the system's, which gave the processor to somebody else meanwhile. */
    return world.is_over && world.frames_over <= world.frames / 10 ? 0 : 1;
}
