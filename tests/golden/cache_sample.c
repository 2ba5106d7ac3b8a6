/*
 * Writes a sample of today's cache schema, once for each version:
 *
 *     build/mine/tests/golden/cache_sample tests/golden/cache/v<version>_own.db
 *
 * A file that is there is never written again: it stands for what is on people's disks.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cache_sample.h"

static void must(chat_status status, const char *what)
{
    if (status == CHAT_OK)
        return;
    fprintf(stderr, "cache_sample: %s: %s\n", what, chat_status_text(status));
    exit(EXIT_FAILURE);
}

static void write_channel(struct cache *c, const struct sample_channel *sample)
{
    struct cache_channel channel = sample->c;

    for (size_t i = 0; i < SAMPLE_COUNT(sample->ranges); i++) {
        const struct sample_range *r = &sample->ranges[i];

        if (!r->from)
            continue;
        must(ranges_add(&channel.ranges, NULL, r->from, r->to, r->rev), "range");
        for (uint64_t seq = r->from; seq <= r->to; seq++) {
            const struct chat_message m = sample_message(channel.channel_id, seq);
            cache_put put;

            must(cache_message_put(c, &m, &put), "message");
        }
    }
    must(cache_channel_save(c, &channel), "channel");
    ranges_fini(&channel.ranges, NULL);
}

static void write_own(struct cache *c)
{
    struct cache_channel channel;
    int64_t row = 0;
    cache_put put;
    bool rose;

    for (size_t i = 0; i < SAMPLE_COUNT(sample_channels); i++) {
        channel = sample_channels[i].c;
        channel.mentions = SAMPLE_OWN_MENTIONS;
        if (channel.channel_id == SAMPLE_OWN_CHANNEL)
            must(cache_channel_save(c, &channel), "mentions");
    }
    must(cache_message_put(c, &sample_own_message, &put), "own message");
    must(cache_settings_save(c, &sample_settings), "settings");
    must(cache_draft_save(c, &sample_draft), "draft");
    for (size_t i = 0; i < SAMPLE_COUNT(sample_receipts); i++)
        must(cache_receipt_put(c, &sample_receipts[i], &rose), "receipt");
    for (size_t i = 0; i < SAMPLE_COUNT(sample_own_outbox); i++) {
        struct cache_outgoing o = sample_own_outbox[i];

        o.parent = row;
        must(cache_outbox_add(c, &o, &row), "own outbox");
    }
}

static void write_all(struct cache *c)
{
    struct cache_ticket ticket = {
        .len = sizeof(SAMPLE_TICKET) - 1, .expires_at_ms = INT64_C(1700000099000), .token_hash = 4};

    memcpy(ticket.bytes, SAMPLE_TICKET, ticket.len);
    must(cache_bind(c, SAMPLE_SERVICE, SAMPLE_USER), "bind");
    must(cache_set_ticket(c, &ticket), "ticket");
    for (size_t i = 0; i < SAMPLE_COUNT(sample_users); i++)
        must(cache_user_put(c, sample_users[i].user_id, sample_users[i].name,
                            strlen(sample_users[i].name)),
             "user");
    for (size_t i = 0; i < SAMPLE_COUNT(sample_channels); i++)
        write_channel(c, &sample_channels[i]);
    for (size_t i = 0; i < SAMPLE_COUNT(sample_outbox); i++) {
        int64_t row;

        must(cache_outbox_add(c, &sample_outbox[i], &row), "outbox");
    }
}

int main(int argc, char **argv)
{
    struct cache_config config = {.device_id = SAMPLE_DEVICE};
    struct cache *c = NULL;
    FILE *there;

    if (argc != 2) {
        fprintf(stderr, "usage: cache_sample FILE\n");
        return 2;
    }
    there = fopen(argv[1], "rb");
    if (there) {
        fclose(there);
        fprintf(stderr, "cache_sample: %s is there already\n", argv[1]);
        return EXIT_FAILURE;
    }
    config.path = argv[1];
    must(cache_open(&config, &c), "open");
    write_all(c);
    write_own(c);
    must(cache_commit(c), "commit");
    must(cache_checkpoint(c), "checkpoint");
    cache_close(c);
    printf("wrote %s, schema %d\n", argv[1], CACHE_SCHEMA_VERSION);
    return EXIT_SUCCESS;
}
