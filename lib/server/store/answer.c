#include "server/store/answer.h"

#include "server/store/batch.h"
#include "server/store/role.h"
#include "wire/wire.h"

static WireRetry retry_of(WireProblemCode code)
{
    switch ((int)code) {
    case PROBLEM(OUT_OF_ORDER):
    case PROBLEM(RATE_LIMITED):
    case PROBLEM(UNAVAILABLE):
    case PROBLEM(UNKNOWN_OUTCOME):
    case PROBLEM(STORAGE_FULL):
    case PROBLEM(DRAINING):
    case PROBLEM(OVERLOADED):
    case PROBLEM(INTERNAL):
    case PROBLEM(WRONG_SHARD): return WIRE_RETRY__RETRY_LATER;
    case PROBLEM(UNAUTHENTICATED):
    case PROBLEM(TOKEN_EXPIRED): return WIRE_RETRY__RETRY_REAUTH;
    default: return WIRE_RETRY__RETRY_NEVER;
    }
}

static uint32_t retry_after_ms(WireProblemCode code)
{
    if (retry_of(code) != WIRE_RETRY__RETRY_LATER || code == PROBLEM(OUT_OF_ORDER))
        return 0;
    return code == PROBLEM(OVERLOADED) ? RETRY_SOON_MS : RETRY_LATER_MS;
}

static void fill_problem(WireLinkFrame *frame, WireProblem *problem, WireProblemCode code,
                         const char *limit)
{
    wire_link_frame__init(frame);
    wire_problem__init(problem);
    problem->code = code;
    problem->retry = retry_of(code);
    problem->retry_after_ms = retry_after_ms(code);
    problem->limit = (char *)(uintptr_t)(limit ? limit : "");
    frame->body_case = WIRE_LINK_FRAME__BODY_PROBLEM;
    frame->problem = problem;
}

static void count_problem(struct shard *s, WireProblemCode code)
{
    if ((uint32_t)code < STORE_PROBLEM_CODES)
        s->stats->problems[code]++;
}

struct frame *answer_encode(struct shard *s, const struct request *req, WireLinkFrame *body)
{
    body->request_id = req->frame->request_id;
    return wire_encode_link(s->allocator, body);
}

void answer(struct shard *s, struct home *home, const struct request *req, WireLinkFrame *body)
{
    struct frame *frame;

    if (req->link == 0 || req->frame->request_id == 0)
        return;
    frame = answer_encode(s, req, body);
    if (frame && home && home->decided_position > s->synced) {
        struct outcome *outcome = batch_home_outcome(s, OUTCOME_ANSWER, req->link, home);

        if (outcome) {
            outcome->request_id = req->frame->request_id;
            outcome->frame = frame;
            return;
        }
        frame_unref(frame);
        frame = NULL;
    }
    if (!frame) {
        answer_no_memory(s, req);
        return;
    }
    store_reply(s->store, req->link, frame);
    frame_unref(frame);
}

void answer_problem(struct shard *s, struct home *home, const struct request *req,
                    WireProblemCode code, const char *limit)
{
    WireLinkFrame frame;
    WireProblem problem;

    count_problem(s, code);
    fill_problem(&frame, &problem, code, limit);
    answer(s, home, req, &frame);
}

void answer_problem_to(struct shard *s, link_id link, uint64_t request_id, WireProblemCode code,
                       const char *limit)
{
    struct link *to = links_get(&s->store->links, link);

    count_problem(s, code);
    if (to && request_id != 0)
        (void)links_problem(&s->store->links, to, request_id, code, retry_of(code),
                            retry_after_ms(code), limit, NULL);
}

void answer_no_memory(struct shard *s, const struct request *req)
{
    answer_problem_to(s, req->link, req->frame->request_id, PROBLEM(OVERLOADED), "memory");
}
