/*
 * The public reader on a stream, in pieces. The first byte says whose frames come, the
 * second how long the pieces are. Whatever is read can be written and read back alike.
 */
#include <string.h>

#include <libchat/codec.h>

#include "fuzz.h"

static chat_codec_reader *make_reader(chat_codec_side side)
{
    struct chat_codec_reader_config config;
    chat_codec_reader *reader = NULL;

    chat_codec_reader_config_init(&config);
    config.side = side;
    FUZZ_CHECK(chat_codec_reader_new(&config, &reader) == CHAT_OK);
    return reader;
}

static uint8_t *write_frame(const struct chat_frame *frame, size_t *out_len)
{
    uint8_t *bytes;
    size_t needed;

    FUZZ_CHECK(chat_codec_write(frame, NULL, 0, &needed) == CHAT_E_TOO_LARGE);
    FUZZ_CHECK(needed > 0);
    bytes = malloc(needed);
    FUZZ_CHECK(bytes);
    FUZZ_CHECK(chat_codec_write(frame, bytes, needed, out_len) == CHAT_OK);
    FUZZ_CHECK(*out_len == needed);
    return bytes;
}

static void check_frame(const struct chat_frame *frame, chat_codec_side side)
{
    chat_codec_reader *reader = make_reader(side);
    const struct chat_frame *again;
    uint8_t *first, *second;
    size_t first_len, second_len;

    first = write_frame(frame, &first_len);
    FUZZ_CHECK(chat_codec_reader_feed_message(reader, first, first_len) == CHAT_OK);
    FUZZ_CHECK(chat_codec_reader_next(reader, &again) == CHAT_OK && again);
    FUZZ_CHECK(again->kind == frame->kind && again->request_id == frame->request_id);
    second = write_frame(again, &second_len);
    FUZZ_CHECK(first_len == second_len && memcmp(first, second, first_len) == 0);
    free(first);
    free(second);
    chat_codec_reader_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    chat_codec_side side;
    chat_codec_reader *reader;
    size_t step;

    if (len < 2)
        return 0;
    side = bytes[0] % 2 ? CHAT_CODEC_FROM_CLIENT : CHAT_CODEC_FROM_SERVER;
    step = bytes[1] ? bytes[1] : len;
    reader = make_reader(side);
    for (size_t at = 2, used; at < len; at += used) {
        const struct chat_frame *frame;
        chat_status status = chat_codec_reader_feed_stream(
            reader, bytes + at, len - at < step ? len - at : step, &used);

        if (status == CHAT_E_STATE)
            break;
        FUZZ_CHECK(used > 0 && used <= step);
        if (status != CHAT_OK)
            FUZZ_CHECK(chat_codec_reader_get_fault(reader)->rule[0]);
        for (;;) {
            FUZZ_CHECK(chat_codec_reader_next(reader, &frame) == CHAT_OK);
            if (!frame)
                break;
            FUZZ_CHECK(status == CHAT_OK);
            if (frame->kind != CHAT_FRAME_UNKNOWN)
                check_frame(frame, side);
        }
    }
    chat_codec_reader_free(reader);
    return 0;
}
