/*
 * refuser: a router that lets nobody in. A machine (wire/machine.h): whatever a client says
 * first is answered with a problem and a close.
 */
#ifndef CHAT_TESTKIT_REFUSER_H
#define CHAT_TESTKIT_REFUSER_H

#include <libchat/testkit.h>

#include "wire/machine.h"

#define REFUSER_LINKS_MAX 16u /* that wait for their answer; what comes more hears nothing */

struct refuser {
    struct machine machine;
    const struct chat_allocator *allocator;
    chat_testkit_refusal refusal; /* OVERLOADED and up */
    uint32_t retry_after_ms;
    struct refuser_link {
        link_id id; /* 0: free */
        uint32_t request_id;
        bool told;
    } links[REFUSER_LINKS_MAX];
    struct frame *sent; /* borrowed by the last effect */
};

void refuser_init(struct refuser *refuser, const struct chat_allocator *allocator);
void refuser_fini(struct refuser *refuser);

#endif
