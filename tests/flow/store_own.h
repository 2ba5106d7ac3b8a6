/*
 * A store with ann, bob and eve, and a direct of ann and bob with five messages. Included once,
 * by a test of what belongs to a user.
 */
#ifndef CHAT_TESTS_STORE_OWN_H
#define CHAT_TESTS_STORE_OWN_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/home.h"
#include "store_host.h"

#define BODY(name) WIRE_LINK_FRAME__BODY_##name
#define EVENT(name) WIRE_HOME_EVENT__BODY_##name
#define HOUR_MS 3600000

static struct store_host h;
static link_id link;
static uint64_t ann, bob, eve, direct;

static inline void setup(void)
{
    store_host_init(&h, 1);
    store_host_start(&h, 0);
    link = store_host_connect(&h, 0);
    ann = host_user(&h, link, "ann");
    bob = host_user(&h, link, "bob");
    eve = host_user(&h, link, "eve");
    direct = host_direct(&h, link, ann, bob);
    for (uint64_t i = 1; i <= 5; i++)
        (void)expect_sent(host_send(&h, link, ann, direct, i, i - 1, "hello"), i);
    (void)host_subscribe(&h, link, ann, direct);
    store_host_wait(&h, 3000); /* own messages move the cursor */
    store_host_forget(&h);
}

static inline void teardown(void) { store_host_fini(&h); }

static inline void restart(void)
{
    store_host_kill(&h, 0);
    store_host_start(&h, 0);
    link = store_host_connect(&h, 0);
    store_host_forget(&h);
}

/* The nth (from 0) event of this kind in publications of the home. */
static inline const WireHomeEvent *event_of(uint64_t home, int body, size_t nth)
{
    for (size_t i = 0; i < h.heard_count; i++) {
        const WireLinkFrame *frame = h.heard[i].frame;

        if (frame->body_case != BODY(PUBLICATION) || frame->publication->home_id != home)
            continue;
        for (size_t k = 0; k < frame->publication->n_events; k++)
            if ((int)frame->publication->events[k]->body_case == body && nth-- == 0)
                return frame->publication->events[k];
    }
    return NULL;
}

static inline size_t count_events(uint64_t home, int body)
{
    size_t count = 0;

    while (event_of(home, body, count))
        count++;
    return count;
}

static inline const WireLinkFrame *ask(uint64_t user, WireLinkFrame__BodyCase body, void *message)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;

    frame.user_id = user;
    frame.body_case = body;
    frame.send_message = message; /* every member of the union is a pointer */
    return store_host_ask(&h, link, &frame);
}

#endif
