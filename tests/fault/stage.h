/*
 * stage: an application in the middle of its life, on the test kit, and scenes of that life.
 * A fault test plays a scene while something fails at its n-th place, for every n, then checks
 * that nothing was lost.
 */
#ifndef CHAT_TESTS_FAULT_STAGE_H
#define CHAT_TESTS_FAULT_STAGE_H

#include "../kit/kit_app.h"
#include "../support/faulty_alloc.h"

#define STAGE_CACHE "alice.db"

struct stage {
    chat_testkit *kit;
    struct app app;             /* alice's */
    struct faulty_alloc memory; /* of its loop and conn */
    uint64_t direct, group;
    uint64_t accepted;   /* messages that chat_conn_send() took */
    uint64_t marked_seq; /* of the direct, read for all that was promised */
    bool is_rewritten;   /* history was restored: what was accepted may be lost with it */
    /* A call that a crash interrupts may have happened: so many may be there more, or less. */
    uint64_t more_max, less_max;
};

struct scene {
    const char *name;
    /* With nothing failing; the app is live, and has a direct and a group with messages. */
    void (*prepare)(struct stage *s);
    /* While it fails: every call may say so. */
    void (*act)(struct stage *s);
    bool alters; /* one of its own messages: its text goes */
};

#define SCENES 20u
extern const struct scene scenes[SCENES];

/* A kit with the app live, `scene` prepared. */
void stage_begin(struct stage *s, const struct scene *scene, uint64_t seed);
/*
 * Nothing fails any more. The process starts anew, catches up, sends what it has. Its file is a
 * whole database, each accepted message is in its channel once, no other is, and all is shown;
 * no memory is left behind.
 */
void stage_check(struct stage *s);
void stage_end(struct stage *s);

#endif
