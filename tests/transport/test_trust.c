/* Whom a client believes, and how it behaves as a guest of its process. */
#include "rig.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libchat/transport.h>

#include "transport/tls.h"
#include "transport/ws_transport.h"

static struct rig rig;
static struct chat_transport *transport;

static struct told {
    unsigned opened, closed;
    chat_status status;
    char reason[CHAT_CLOSE_REASON_MAX + 1];
} told;

static void on_opened(uint64_t link, void *user)
{
    (void)link, (void)user;
    told.opened++;
}
static void on_message(uint64_t link, const uint8_t *bytes, size_t len, void *user)
{
    (void)link, (void)bytes, (void)len, (void)user;
}
static void on_drained(uint64_t link, void *user) { (void)link, (void)user; }
static void on_closed(uint64_t link, chat_status status, uint16_t code, const char *reason,
                      size_t reason_len, void *user)
{
    (void)link, (void)code, (void)user;
    told.closed++;
    told.status = status;
    memcpy(told.reason, reason, reason_len);
    told.reason[reason_len] = '\0';
}

static void setup(void)
{
    struct listener_config config;

    memset(&rig, 0, sizeof(rig));
    memset(&told, 0, sizeof(told));
    config = rig_config(&rig);
    config.cert_file = rig_certs("cert.pem");
    config.key_file = rig_certs("key.pem");
    rig_start(&rig, &config, NULL);
}

static void teardown(void)
{
    if (transport)
        transport->free(transport->self);
    transport = NULL;
    rig_stop(&rig);
}

static char *read_file(const char *name, size_t *out_len)
{
    FILE *file = fopen(rig_certs(name), "r");
    char *text = calloc(1, 65536);

    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(text);
    *out_len = fread(text, 1, 65535, file);
    (void)fclose(file);
    return text;
}

static chat_status make(const char *ca_file, const char *pem, size_t pem_len, const char *pins)
{
    static const struct chat_transport_sink sink = {.size = sizeof(sink),
                                                    .on_opened = on_opened,
                                                    .on_message = on_message,
                                                    .on_drained = on_drained,
                                                    .on_closed = on_closed};
    const struct chat_transport_ws_config config = {.size = sizeof(config),
                                                    .ca_file = ca_file,
                                                    .ca_pem = pem,
                                                    .ca_pem_len = pem_len,
                                                    .pinned_keys = pins,
                                                    .links_max = 4,
                                                    .close_timeout_ms = 500};
    chat_status status = ws_transport_new(&config, &transport);

    if (status == CHAT_OK)
        ck_assert_int_eq(transport->start(transport->self, &sink), CHAT_OK);
    return status;
}

static void dial(void)
{
    const struct chat_connect to = {.size = sizeof(to),
                                    .url = rig_url(&rig, "wss", "localhost"),
                                    .subprotocol = "libchat.v1",
                                    .message_max = 4096,
                                    .timeout_ms = 5000};
    int64_t end_ms = (int64_t)(uv_hrtime() / 1000000) + RIG_PATIENCE_MS;

    ck_assert_int_eq(transport->connect(transport->self, 1, &to), CHAT_OK);
    while (!told.opened && !told.closed) {
        ck_assert_int_lt((int64_t)(uv_hrtime() / 1000000), end_ms);
        rig_idle(&rig, 1);
        ck_assert_int_eq(transport->pump(transport->self, 0), CHAT_OK);
    }
}

/* "sha256//..." of the key in a certificate. */
static void pin_of(const char *name, char *out)
{
    FILE *file = fopen(rig_certs(name), "r");
    X509 *cert = PEM_read_X509(file, NULL, NULL, NULL);
    unsigned char *der = NULL, hash[32];
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);

    ck_assert_int_eq(EVP_Digest(der, (size_t)len, hash, NULL, EVP_sha256(), NULL), 1);
    memcpy(out, "sha256//", 8);
    (void)EVP_EncodeBlock((unsigned char *)out + 8, hash, sizeof(hash));
    OPENSSL_free(der);
    X509_free(cert);
    (void)fclose(file);
}

START_TEST(an_authority_given_as_bytes_is_trusted)
{
    size_t len;
    char *pem = read_file("ca.pem", &len);

    ck_assert_int_eq(make(NULL, pem, len, NULL), CHAT_OK);
    free(pem); /* they were read at once */
    dial();
    ck_assert_msg(told.opened == 1, "%s", told.reason);
}
END_TEST

START_TEST(a_certificate_of_the_servers_own_making_is_trusted_by_giving_it)
{
    ck_assert_int_eq(make(rig_certs("ca.pem"), NULL, 0, NULL), CHAT_OK);
    dial();
    ck_assert_uint_eq(told.opened, 1);
}
END_TEST

START_TEST(without_it_nothing_helps)
{
    ck_assert_int_eq(make(NULL, NULL, 0, NULL), CHAT_OK);
    dial();
    ck_assert_uint_eq(told.opened, 0);
    ck_assert_int_eq(told.status, CHAT_E_AUTH);
}
END_TEST

START_TEST(bytes_that_are_no_certificates_are_told_at_once)
{
    static const char *const wrong[] = {
        "", "nothing of the kind",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"};

    ck_assert_int_eq(make(NULL, wrong[_i], strlen(wrong[_i]), NULL), CHAT_E_AUTH);
}
END_TEST

/* As editors, mail and other tools leave it. */
static size_t dress(int how, const char *ca, const char *other, char *out, size_t room)
{
    size_t len = 0;

    switch (how) {
    case 0: return (size_t)snprintf(out, room, "%s%s", other, ca); /* the second one counts, too */
    case 1: return (size_t)snprintf(out, room, "%s%s", ca, ca);    /* one is there twice */
    case 2: return (size_t)snprintf(out, room, "subject=/CN=x\n%s\nand some words after it", ca);
    case 3: return (size_t)snprintf(out, room, "%s", ca) + 1; /* with the NUL of a string */
    default: break;
    }
    for (; *ca; ca++) {
        if (*ca == '\n')
            out[len++] = '\r';
        out[len++] = *ca;
    }
    return len;
}

START_TEST(an_authority_is_found_among_other_things)
{
    static char dressed[65536];
    size_t len, other_len;
    char *ca = read_file("ca.pem", &len), *other = read_file("cert.pem", &other_len);

    len = dress(_i, ca, other, dressed, sizeof(dressed));
    free(ca);
    free(other);
    ck_assert_int_eq(make(NULL, dressed, len, NULL), CHAT_OK);
    dial();
    ck_assert_msg(told.opened == 1, "%s", told.reason);
}
END_TEST

START_TEST(half_a_certificate_spoils_all_of_them)
{
    size_t len;
    char *pem = read_file("ca.pem", &len);

    memcpy(pem + len, pem, len);
    ck_assert_int_eq(make(NULL, pem, len + len - (_i ? 10 : len / 2), NULL), CHAT_E_AUTH);
    free(pem);
}
END_TEST

/* A guest does not ask the terminal, and wait for somebody to answer. */
START_TEST(a_key_behind_a_password_is_refused_and_nobody_is_asked)
{
    FILE *from = fopen(rig_certs("key.pem"), "r"), *to = fopen(rig_certs("locked.pem"), "w");
    EVP_PKEY *key = PEM_read_PrivateKey(from, NULL, NULL, NULL);
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    int keyboard[2];

    ck_assert_int_eq(PEM_write_PKCS8PrivateKey(to, key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL),
                     1);
    (void)fclose(from);
    (void)fclose(to);
    EVP_PKEY_free(key);
    ck_assert_int_eq(pipe(keyboard), 0);
    ck_assert_int_eq(write(keyboard[1], "secret\n", 7), 7);
    ck_assert_int_eq(dup2(keyboard[0], STDIN_FILENO), STDIN_FILENO);
    ck_assert_int_eq(tls_server_load(ctx, rig_certs("cert.pem"), rig_certs("locked.pem"), NULL),
                     CHAT_E_AUTH);
    SSL_CTX_free(ctx);
    (void)unlink(rig_certs("locked.pem"));
    (void)close(keyboard[0]);
    (void)close(keyboard[1]);
}
END_TEST

START_TEST(sixteen_pins_are_taken_and_one_more_is_not)
{
    char pins[17 * 53 + 1], pin[64];

    pin_of("ca.pem", pin);
    pin[52] = ';';
    for (size_t i = 0; i < 17; i++)
        memcpy(pins + i * 53, pin, 53);
    pins[(16 + (size_t)_i) * 53 - 1] = '\0';
    ck_assert_int_eq(make(rig_certs("ca.pem"), NULL, 0, pins), _i ? CHAT_E_INVALID : CHAT_OK);
}
END_TEST

START_TEST(a_pinned_key_is_enough_only_with_a_good_chain)
{
    char pin[64];

    pin_of("cert.pem", pin);
    ck_assert_int_eq(make(_i ? NULL : rig_certs("ca.pem"), NULL, 0, pin), CHAT_OK);
    dial();
    ck_assert_uint_eq(told.opened, _i ? 0 : 1);
}
END_TEST

START_TEST(a_good_chain_with_another_key_is_refused)
{
    char pin[64];

    pin_of("ca.pem", pin);
    ck_assert_int_eq(make(rig_certs("ca.pem"), NULL, 0, pin), CHAT_OK);
    dial();
    ck_assert_uint_eq(told.opened, 0);
    ck_assert_int_eq(told.status, CHAT_E_AUTH);
    ck_assert_ptr_nonnull(strstr(told.reason, "pinned"));
}
END_TEST

START_TEST(one_of_several_pins_is_enough)
{
    char pins[130];

    pin_of("ca.pem", pins); /* the next key, say */
    pins[52] = ';';
    pin_of("cert.pem", pins + 53);
    ck_assert_int_eq(make(rig_certs("ca.pem"), NULL, 0, pins), CHAT_OK);
    dial();
    ck_assert_uint_eq(told.opened, 1);
}
END_TEST

START_TEST(pins_that_are_none_are_told_at_once)
{
    static const char *const wrong[] = {
        "",
        "sha256//",
        "sha1//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=;",
        "sha256//****************************************** =",
        "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
    };

    ck_assert_int_eq(make(rig_certs("ca.pem"), NULL, 0, wrong[_i]), CHAT_E_INVALID);
}
END_TEST

/* OpenSSL writes to a socket that the peer has reset; the signal for it is not the host's
 * business. */
START_TEST(writing_to_a_lost_link_raises_no_signal)
{
    const struct chat_buffer buffer = {(const uint8_t *)"hello", 5};
    struct sigaction fatal = {.sa_handler = SIG_DFL}, before;
    sigset_t pending;
    bool blocked = false;

    ck_assert_int_eq(make(rig_certs("ca.pem"), NULL, 0, NULL), CHAT_OK);
    dial();
    ck_assert_uint_eq(told.opened, 1);
    rig_stop(&rig);
    memset(&rig, 0, sizeof(rig));
    (void)sigaction(SIGPIPE, &fatal, &before);
    for (int i = 0; i < 100 && !blocked; i++) /* the kernel knows after the first ones */
        if (transport->send(transport->self, 1, &buffer, 1, &blocked) != CHAT_OK)
            break;
    ck_assert_int_eq(sigpending(&pending), 0);
    ck_assert_int_eq(sigismember(&pending, SIGPIPE), 0);
    ck_assert_int_eq(transport->pump(transport->self, 0), CHAT_OK);
    (void)sigaction(SIGPIPE, &before, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trust");
    TCase *tc = tcase_create("trust");

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, an_authority_given_as_bytes_is_trusted);
    tcase_add_test(tc, a_certificate_of_the_servers_own_making_is_trusted_by_giving_it);
    tcase_add_test(tc, without_it_nothing_helps);
    tcase_add_loop_test(tc, bytes_that_are_no_certificates_are_told_at_once, 0, 3);
    tcase_add_loop_test(tc, an_authority_is_found_among_other_things, 0, 5);
    tcase_add_loop_test(tc, half_a_certificate_spoils_all_of_them, 0, 2);
    tcase_add_test(tc, a_key_behind_a_password_is_refused_and_nobody_is_asked);
    tcase_add_loop_test(tc, sixteen_pins_are_taken_and_one_more_is_not, 0, 2);
    tcase_add_loop_test(tc, a_pinned_key_is_enough_only_with_a_good_chain, 0, 2);
    tcase_add_test(tc, a_good_chain_with_another_key_is_refused);
    tcase_add_test(tc, one_of_several_pins_is_enough);
    tcase_add_loop_test(tc, pins_that_are_none_are_told_at_once, 0, 7);
    tcase_add_test(tc, writing_to_a_lost_link_raises_no_signal);
    suite_add_tcase(suite, tc);
    return rig_main(suite);
}
