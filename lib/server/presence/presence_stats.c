/* What the presence role tells an operator. */
#include <stddef.h>

#include "server/presence/inner.h"

void presence_get_stats(const struct presence *p, struct presence_stats *out_stats)
{
    *out_stats = p->stats;
    out_stats->links = p->links.stats;
    out_stats->routers = p->leased_count;
    out_stats->sessions = p->people.session_count;
    out_stats->users = (uint32_t)p->people.users.count;
    out_stats->users_online = p->people.online_count;
    out_stats->watches = p->people.watch_count;
    out_stats->changes = p->people.changes;
}

#define GAUGE(field, name, help)                                                                   \
    METRIC_FIELD(struct presence_stats, field, name, METRIC_GAUGE, help)
#define COUNTER(field, name, help)                                                                 \
    METRIC_FIELD(struct presence_stats, field, name, METRIC_COUNTER, help)

void presence_write_metrics(const struct presence *p, struct metrics *out)
{
    static const struct metric_field fields[] = {
        GAUGE(routers, "chat_presence_routers", "Routers with a lease."),
        GAUGE(sessions, "chat_presence_sessions", "Sessions told by routers."),
        GAUGE(users, "chat_presence_users", "Users told of or watched."),
        GAUGE(users_online, "chat_presence_users_online", "Users who do not look offline."),
        GAUGE(watches, "chat_presence_watches", "Users watched, once for each router."),
        COUNTER(deltas, "chat_presence_deltas_total", "Changes of sessions told by routers."),
        COUNTER(changes, "chat_presence_changes_total", "Changes of users' states."),
        COUNTER(batches, "chat_presence_batches_total", "Batches sent to routers."),
        COUNTER(batch_users, "chat_presence_batch_users_total", "Users in those batches."),
        COUNTER(leases_ended, "chat_presence_leases_ended_total", "Leases that ran out."),
        COUNTER(leases_refused, "chat_presence_leases_refused_total",
                "Leases refused: an old epoch, a foreign id, no room."),
        COUNTER(sessions_refused, "chat_presence_sessions_refused_total",
                "Sessions past sessions_max or a user's own limit."),
        COUNTER(watches_refused, "chat_presence_watches_refused_total",
                "Watches past watches_max."),
    };
    struct presence_stats stats;

    presence_get_stats(p, &stats);
    metrics_table(out, fields, sizeof(fields) / sizeof(fields[0]), &stats);
    links_write_metrics(&p->links, out);
}
