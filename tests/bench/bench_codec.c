/*
 * The cost of one frame: nanoseconds and allocations to encode and decode it, through
 * lib/wire as the machines do and through the public codec. Text of 200 bytes.
 */
#include <string.h>

#include <libchat/codec.h>

#include "bench.h"
#include "wire/wire.h"

#define TEXT_LEN 200u
#define ROUNDS 5          /* the median counts */
#define ROUND_NS 60000000 /* at least */
#define BATCH 10u

static struct bench_memory memory;
static struct arena arena;
static struct frame *encoded; /* what the decoders read */
static chat_codec_reader *reader;
static char text[TEXT_LEN + 1];

static WireNonce nonce;
static WireSendMessage send;
static WireMessage message;
static WireClientFrame client_frame;
static WireServerFrame server_frame;

static void must(int truth)
{
    if (!truth) {
        fprintf(stderr, "bench_codec: something failed\n");
        exit(EXIT_FAILURE);
    }
}

static void prepare(void)
{
    memset(text, 'm', TEXT_LEN);
    bench_memory_init(&memory);
    arena_init(&arena, &memory.allocator, 8u << 20);
    wire_nonce__init(&nonce);
    nonce.device_id = UINT64_C(0x1234567890abcdef);
    nonce.counter = (UINT64_C(3) << 32) + 1000;
    nonce.after = nonce.counter - 1;
    wire_send_message__init(&send);
    send.channel_id = UINT64_C(0x0fedcba987654321);
    send.nonce = &nonce;
    send.text = text;
    wire_message__init(&message);
    message.channel_id = send.channel_id;
    message.seq = 123456;
    message.message_id = message.channel_id + 1;
    message.author_id = message.channel_id + 2;
    message.sent_at_ms = INT64_C(1760000000000);
    message.nonce = &nonce;
    message.text = text;
    wire_client_frame__init(&client_frame);
    client_frame.request_id = 1000;
    client_frame.body_case = WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE;
    client_frame.send_message = &send;
    wire_server_frame__init(&server_frame);
    server_frame.body_case = WIRE_SERVER_FRAME__BODY_MESSAGE;
    server_frame.message = &message;
}

/* --- what is measured: each does its work once --- */

static void encode_client(void)
{
    frame_unref(wire_encode_client(&memory.allocator, &client_frame));
}
static void encode_server(void)
{
    frame_unref(wire_encode_server(&memory.allocator, &server_frame));
}

static void decode_client(void)
{
    WireClientBatch *batch;
    struct wire_fault fault;

    arena_reset(&arena);
    must(wire_decode_client(encoded->bytes, encoded->len, &arena, &batch, &fault) == CHAT_OK);
}

static void decode_server(void)
{
    WireServerBatch *batch;
    struct wire_fault fault;

    arena_reset(&arena);
    must(wire_decode_server(encoded->bytes, encoded->len, &arena, &batch, &fault) == CHAT_OK);
}

static void *protobuf_c_alloc(void *user, size_t size) { return bench_memory_alloc(user, size); }
static void protobuf_c_free(void *user, void *bytes) { bench_memory_free(user, bytes); }

/* For comparison: no limits, no UTF-8, malloc. */
static void unpack_server(void)
{
    ProtobufCAllocator allocator = {protobuf_c_alloc, protobuf_c_free, &memory};
    WireServerBatch *batch = wire_server_batch__unpack(&allocator, encoded->len, encoded->bytes);

    must(batch != NULL);
    wire_server_batch__free_unpacked(batch, &allocator);
}

static void write_public(void)
{
    static uint8_t bytes[1024];
    struct chat_frame_nonce id = CHAT_FRAME_INIT(chat_frame_nonce);
    struct chat_frame_message body = CHAT_FRAME_INIT(chat_frame_message);
    size_t len;

    id.device_id = nonce.device_id;
    id.counter = nonce.counter;
    body.channel_id = message.channel_id;
    body.seq = message.seq;
    body.message_id = message.message_id;
    body.author_id = message.author_id;
    body.sent_at_ms = message.sent_at_ms;
    body.nonce = &id;
    body.text = text;
    body.text_len = TEXT_LEN;
    must(chat_codec_write_message(&body, 0, bytes, sizeof(bytes), &len) == CHAT_OK);
}

static void read_public(void)
{
    const struct chat_frame *frame;

    must(chat_codec_reader_feed_message(reader, encoded->bytes, encoded->len) == CHAT_OK);
    do
        must(chat_codec_reader_next(reader, &frame) == CHAT_OK);
    while (frame);
}

/* --- measuring --- */

static void measure(const char *subject, void (*work)(void), unsigned per_call)
{
    struct bench_samples rounds;
    uint64_t calls = 0, allocations;

    bench_samples_init(&rounds, ROUNDS);
    for (int i = 0; i < 1000; i++)
        work(); /* warm */
    allocations = memory.allocations;
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t start = bench_now_ns(), now, count = 0;

        do {
            for (int k = 0; k < 1000; k++)
                work();
            count += 1000;
            now = bench_now_ns();
        } while (now - start < ROUND_NS);
        calls += count;
        bench_sample(&rounds, (now - start) * 1000 / count);
    }
    BENCH_REPORT(
        "codec", subject, {"ns", (double)bench_percentile(&rounds, 50) / 1000.0 / per_call},
        {"allocations", (double)(memory.allocations - allocations) / (double)calls / per_call});
    bench_samples_fini(&rounds);
}

static struct frame *encode_batch(void)
{
    const WireServerFrame *frames[BATCH];
    struct frame *frame;

    for (unsigned i = 0; i < BATCH; i++)
        frames[i] = &server_frame;
    frame = wire_encode_server_many(&memory.allocator, frames, BATCH);
    must(frame != NULL);
    return frame;
}

static void read_frame(struct frame *frame)
{
    must(frame != NULL);
    frame_unref(encoded);
    encoded = frame;
}

int main(void)
{
    struct chat_codec_reader_config config;

    prepare();
    chat_codec_reader_config_init(&config);
    config.allocator = &memory.allocator;
    must(chat_codec_reader_new(&config, &reader) == CHAT_OK);

    measure("encode SendMessage", encode_client, 1);
    read_frame(wire_encode_client(&memory.allocator, &client_frame));
    measure("decode SendMessage", decode_client, 1);
    measure("encode Message", encode_server, 1);
    read_frame(wire_encode_server(&memory.allocator, &server_frame));
    measure("decode Message", decode_server, 1);
    measure("protobuf-c's own unpack of Message", unpack_server, 1);
    measure("public write of Message", write_public, 1);
    measure("public read of Message", read_public, 1);
    read_frame(encode_batch());
    measure("decode Message, batch of 10", decode_server, BATCH);

    frame_unref(encoded);
    chat_codec_reader_free(reader);
    arena_fini(&arena);
    return EXIT_SUCCESS;
}
