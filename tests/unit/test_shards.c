/* Where things live, for ever, and who serves them now. */
#include <check.h>
#include <stdlib.h>

#include "base/snowflake.h"
#include "server/shards.h"

/* Computed by an independent program from the words in shards.h. A change here loses data. */
START_TEST(subject_shards_never_change)
{
    static const struct {
        const char *issuer, *subject;
        uint32_t of_1, of_4, of_16, of_1000, of_1024;
    } golden[] = {
        {"https://id.example", "alice", 0, 2, 14, 326, 318},
        {"https://id.example", "bob", 0, 1, 5, 13, 437},
        {"https://other.example", "alice", 0, 0, 0, 312, 496},
        {"i", "", 0, 1, 13, 581, 1005},
    };

    for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
        const char *issuer = golden[i].issuer, *subject = golden[i].subject;

        ck_assert_uint_eq(shard_of_subject(issuer, subject, 1), golden[i].of_1);
        ck_assert_uint_eq(shard_of_subject(issuer, subject, 4), golden[i].of_4);
        ck_assert_uint_eq(shard_of_subject(issuer, subject, 16), golden[i].of_16);
        ck_assert_uint_eq(shard_of_subject(issuer, subject, 1000), golden[i].of_1000);
        ck_assert_uint_eq(shard_of_subject(issuer, subject, 1024), golden[i].of_1024);
    }
}
END_TEST

START_TEST(pair_shards_never_change)
{
    ck_assert_uint_eq(shard_of_pair(1, 2, 4), 3);
    ck_assert_uint_eq(shard_of_pair(1, 2, 1000), 503);
    ck_assert_uint_eq(shard_of_pair(UINT64_C(4611686018427387904), 7, 16), 13);
    ck_assert_uint_eq(shard_of_pair(UINT64_C(4611686018427387904), 7, 1000), 693);
    ck_assert_uint_eq(shard_of_pair(5, 5, 1024), 736);
}
END_TEST

START_TEST(a_pair_has_one_shard_whoever_asks)
{
    for (uint64_t a = 1; a < 50; a++)
        for (uint64_t b = 1; b < 50; b++)
            ck_assert_uint_eq(shard_of_pair(a, b, 64), shard_of_pair(b, a, 64));
}
END_TEST

START_TEST(an_id_knows_its_shard)
{
    struct snowflake_mint mint;
    uint64_t id;

    snowflake_mint_init(&mint, 3);
    id = snowflake_mint_next(&mint, SNOWFLAKE_EPOCH_MS + 1000);
    ck_assert_uint_eq(shard_of_id(id, 4), 3);
}
END_TEST

START_TEST(an_id_of_a_shard_that_is_not_has_none)
{
    uint64_t id = UINT64_C(4) << SNOWFLAKE_COUNTER_BITS;

    ck_assert_uint_eq(shard_of_id(id, 5), 4);
    ck_assert_uint_eq(shard_of_id(id, 4), SHARD_NONE);
    ck_assert_uint_eq(shard_of_id(id, 0), SHARD_NONE);
    ck_assert_uint_eq(shard_of_subject("i", "s", 0), SHARD_NONE);
    ck_assert_uint_eq(shard_of_pair(1, 2, 0), SHARD_NONE);
}
END_TEST

static struct shard_map map;

static chat_status claim(uint32_t peer, uint32_t first, uint32_t count, uint64_t version)
{
    uint32_t shards[8];
    WireLinkWelcome welcome = WIRE_LINK_WELCOME__INIT;

    for (uint32_t i = 0; i < count; i++)
        shards[i] = first + i;
    welcome.service_id = 9;
    welcome.shard_count = 4;
    welcome.n_shards = count;
    welcome.shards = shards;
    welcome.map_version = version;
    return shard_map_claim(&map, peer, &welcome);
}

START_TEST(stores_share_the_shards)
{
    shard_map_init(&map);
    ck_assert_uint_eq(shard_map_peer(&map, 0), SHARD_PEER_NONE);
    ck_assert_int_eq(claim(0, 0, 2, 1), CHAT_OK);
    ck_assert_int_eq(claim(1, 2, 2, 1), CHAT_OK);

    ck_assert_uint_eq(shard_map_peer(&map, 1), 0);
    ck_assert_uint_eq(shard_map_peer(&map, 2), 1);
    ck_assert_uint_eq(shard_map_peer(&map, 4), SHARD_PEER_NONE);
    ck_assert_uint_eq(shard_map_served(&map), 4);
}
END_TEST

START_TEST(the_higher_version_wins_in_either_order)
{
    shard_map_init(&map);
    claim(0, 0, 4, 1);
    claim(1, 2, 2, 2);
    ck_assert_uint_eq(shard_map_peer(&map, 2), 1);
    claim(0, 0, 4, 1);
    ck_assert_uint_eq(shard_map_peer(&map, 2), 1);
    ck_assert_uint_eq(shard_map_peer(&map, 0), 0);
}
END_TEST

START_TEST(an_old_owner_does_not_inherit)
{
    shard_map_init(&map);
    claim(1, 2, 2, 2);
    shard_map_drop(&map, 1);
    claim(0, 0, 4, 1);
    ck_assert_uint_eq(shard_map_peer(&map, 2), SHARD_PEER_NONE);
    ck_assert_uint_eq(shard_map_served(&map), 2);

    claim(1, 2, 2, 2);
    ck_assert_uint_eq(shard_map_peer(&map, 2), 1);
}
END_TEST

START_TEST(with_equal_versions_the_first_stays)
{
    shard_map_init(&map);
    claim(0, 0, 4, 1);
    claim(1, 0, 4, 1);
    ck_assert_uint_eq(shard_map_peer(&map, 3), 0);
}
END_TEST

START_TEST(a_rival_is_who_claims_by_the_same_version)
{
    uint32_t shards[] = {1, 2};
    WireLinkWelcome welcome = WIRE_LINK_WELCOME__INIT;

    welcome.service_id = 9;
    welcome.shard_count = 4;
    welcome.n_shards = 2;
    welcome.shards = shards;
    welcome.map_version = 5;
    shard_map_init(&map);
    ck_assert_uint_eq(shard_map_rival(&map, 1, &welcome), SHARD_NONE);
    claim(0, 2, 2, 5);
    ck_assert_uint_eq(shard_map_rival(&map, 1, &welcome), 2);
    ck_assert_uint_eq(shard_map_rival(&map, 0, &welcome), SHARD_NONE); /* itself, again */
    welcome.map_version = 6;
    ck_assert_uint_eq(shard_map_rival(&map, 1, &welcome), SHARD_NONE);
    shard_map_drop(&map, 0);
    welcome.map_version = 5;
    ck_assert_uint_eq(shard_map_rival(&map, 1, &welcome), SHARD_NONE);
}
END_TEST

START_TEST(a_new_claim_replaces_the_peers_old_one)
{
    shard_map_init(&map);
    claim(0, 0, 4, 1);
    claim(0, 0, 1, 1);
    ck_assert_uint_eq(shard_map_peer(&map, 3), SHARD_PEER_NONE);
    ck_assert_uint_eq(shard_map_peer(&map, 0), 0);
}
END_TEST

START_TEST(another_deployment_is_refused)
{
    WireLinkWelcome welcome = WIRE_LINK_WELCOME__INIT;

    shard_map_init(&map);
    claim(0, 0, 4, 1);
    welcome.service_id = 10;
    welcome.shard_count = 4;
    ck_assert_int_eq(shard_map_claim(&map, 0, &welcome), CHAT_E_CONFLICT);
    ck_assert_uint_eq(shard_map_served(&map), 0);
    welcome.service_id = 9;
    welcome.shard_count = 5;
    ck_assert_int_eq(shard_map_claim(&map, 0, &welcome), CHAT_E_CONFLICT);
}
END_TEST

START_TEST(a_store_that_knows_no_deployment_yet_claims_nothing)
{
    WireLinkWelcome welcome = WIRE_LINK_WELCOME__INIT;
    uint32_t shard = 1;

    shard_map_init(&map);
    welcome.shard_count = 4;
    ck_assert_int_eq(shard_map_claim(&map, 0, &welcome), CHAT_OK);
    ck_assert_uint_eq(map.service_id, 0);
    ck_assert_uint_eq(map.shard_count, 0);

    welcome.service_id = 7;
    welcome.n_shards = 1;
    welcome.shards = &shard;
    ck_assert_int_eq(shard_map_claim(&map, 0, &welcome), CHAT_OK);
    ck_assert_uint_eq(map.service_id, 7);
    ck_assert_uint_eq(shard_map_peer(&map, 1), 0);

    welcome.service_id = 0;
    welcome.n_shards = 0;
    ck_assert_int_eq(shard_map_claim(&map, 1, &welcome), CHAT_OK);
    ck_assert_uint_eq(map.service_id, 7);
    ck_assert_uint_eq(shard_map_peer(&map, 1), 0);
}
END_TEST

START_TEST(a_claim_past_the_limits_is_refused)
{
    uint32_t shard = 4;
    WireLinkWelcome welcome = WIRE_LINK_WELCOME__INIT;

    shard_map_init(&map);
    ck_assert_int_eq(shard_map_claim(&map, 0, &welcome), CHAT_E_PROTOCOL);
    welcome.shard_count = CHAT_SHARDS_MAX + 1;
    ck_assert_int_eq(shard_map_claim(&map, 0, &welcome), CHAT_E_PROTOCOL);
    welcome.shard_count = 4;
    welcome.n_shards = 1;
    welcome.shards = &shard;
    ck_assert_int_eq(shard_map_claim(&map, 0, &welcome), CHAT_E_PROTOCOL);
    welcome.shard_count = CHAT_SHARDS_MAX;
    ck_assert_int_eq(shard_map_claim(&map, 0, &welcome), CHAT_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shards");
    TCase *all = tcase_create("all");

    tcase_add_test(all, subject_shards_never_change);
    tcase_add_test(all, pair_shards_never_change);
    tcase_add_test(all, a_pair_has_one_shard_whoever_asks);
    tcase_add_test(all, an_id_knows_its_shard);
    tcase_add_test(all, an_id_of_a_shard_that_is_not_has_none);
    tcase_add_test(all, stores_share_the_shards);
    tcase_add_test(all, the_higher_version_wins_in_either_order);
    tcase_add_test(all, an_old_owner_does_not_inherit);
    tcase_add_test(all, with_equal_versions_the_first_stays);
    tcase_add_test(all, a_rival_is_who_claims_by_the_same_version);
    tcase_add_test(all, a_new_claim_replaces_the_peers_old_one);
    tcase_add_test(all, another_deployment_is_refused);
    tcase_add_test(all, a_store_that_knows_no_deployment_yet_claims_nothing);
    tcase_add_test(all, a_claim_past_the_limits_is_refused);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
