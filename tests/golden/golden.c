/*
 * Golden vectors: what was written once must be read, and written again, byte for byte,
 * for ever.
 *
 *   golden check DIR   reads every DIR/NAME.hex, and wants one for every kind there is
 *   golden add DIR     writes the files that are missing; never touches one that is there
 *
 * A file has the type's name, the bytes in hex, an empty line, and the message as text, as
 * `protoc --decode` prints it:
 *
 *   # libchat.v1.ClientBatch
 *   0a 05 08 01 ...
 *
 *   frames {
 *     request_id: 1
 *   ...
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden_fill.h"
#include "golden_text.h"
#include "wire/wire.h"

#define FILE_MAX (1u << 20)
#define HEX_PER_LINE 24u

/* What golden vectors are kept of. Of those with `each`, one file per member of the oneof
 * of that message: the frames of a batch, the bodies of a record. */
static const struct root {
    const char *prefix;
    const ProtobufCMessageDescriptor *type;
    const ProtobufCMessageDescriptor *each;
} roots[] = {
    {"client", &wire_client_batch__descriptor, &wire_client_frame__descriptor},
    {"server", &wire_server_batch__descriptor, &wire_server_frame__descriptor},
    {"link", &wire_link_batch__descriptor, &wire_link_frame__descriptor},
    {"record", &wire_record__descriptor, &wire_record__descriptor},
    {"note", &wire_note__descriptor, &wire_note__descriptor},
    {"message", &wire_message__descriptor, NULL},
    {"deployment_row", &wire_deployment_row__descriptor, NULL},
    {"mint_row", &wire_mint_row__descriptor, NULL},
    {"home_row", &wire_home_row__descriptor, NULL},
    {"lsn_row", &wire_lsn_row__descriptor, NULL},
    {"channel_row", &wire_channel_row__descriptor, NULL},
    {"member_row", &wire_member_row__descriptor, NULL},
    {"change_row", &wire_change_row__descriptor, NULL},
    {"ring_row", &wire_ring_row__descriptor, NULL},
    {"directory_row", &wire_directory_row__descriptor, NULL},
    {"cursor_row", &wire_cursor_row__descriptor, NULL},
    {"list_row", &wire_list_row__descriptor, NULL},
    {"receipt_row", &wire_receipt_row__descriptor, NULL},
    {"setting_row", &wire_setting_row__descriptor, NULL},
    {"draft_row", &wire_draft__descriptor, NULL},
    {"device_row", &wire_device_row__descriptor, NULL},
    {"tombstone_row", &wire_tombstone_row__descriptor, NULL},
};

#define ROOT_COUNT (sizeof(roots) / sizeof(roots[0]))

static struct arena arena;

static void fail(const char *path, const char *why)
{
    fprintf(stderr, "%s: %s\n", path, why);
    exit(EXIT_FAILURE);
}

/* --- files --- */

struct golden {
    const struct root *root;
    uint8_t *bytes;
    size_t len;
    char *text;
};

static int hex_digit(int c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

static char *read_whole(const char *path)
{
    static char content[FILE_MAX + 1];
    FILE *file = fopen(path, "rb");
    size_t len;

    if (!file)
        fail(path, "cannot be read");
    len = fread(content, 1, FILE_MAX, file);
    fclose(file);
    content[len] = '\0';
    if (len == FILE_MAX || strlen(content) != len)
        fail(path, "is too long, or no text");
    return content;
}

static void read_golden(const char *path, struct golden *out)
{
    static uint8_t bytes[FILE_MAX];
    char *at = read_whole(path), type[128];

    *out = (struct golden){.bytes = bytes};
    if (sscanf(at, "# %127s", type) != 1)
        fail(path, "does not begin with '# TYPE'");
    for (size_t i = 0; i < ROOT_COUNT; i++) {
        if (strcmp(roots[i].type->name, type) == 0)
            out->root = &roots[i];
    }
    if (!out->root)
        fail(path, "has an unknown type");
    at = strchr(at, '\n');
    while (at && at[1] != '\n') {
        for (at++; *at != '\n' && *at; at += *at == ' ') {
            int high = hex_digit(at[0]), low = high < 0 ? -1 : hex_digit(at[1]);

            if (low < 0)
                fail(path, "has a line that is no hex");
            bytes[out->len++] = (uint8_t)(high << 4 | low);
            at += 2;
        }
        if (!*at)
            at = NULL;
    }
    if (!at)
        fail(path, "has no text");
    out->text = at + 2;
}

static void write_golden(const char *path, const struct root *root, const struct frame *frame,
                         const ProtobufCMessage *message)
{
    FILE *file = fopen(path, "wbx"); /* never an existing one */

    if (!file)
        fail(path, "cannot be written");
    fprintf(file, "# %s", root->type->name);
    for (uint32_t i = 0; i < frame->len; i++)
        fprintf(file, "%c%02x", i % HEX_PER_LINE ? ' ' : '\n', frame->bytes[i]);
    fputs("\n\n", file);
    golden_text(message, 0, file);
    if (fclose(file) != 0)
        fail(path, "cannot be written");
    printf("added %s\n", path);
}

/* --- messages --- */

static ProtobufCMessage *decode(const char *path, const struct root *root, const uint8_t *bytes,
                                size_t len)
{
    struct wire_fault fault;
    ProtobufCMessage *message = NULL;
    chat_status status = wire_decode(root->type, bytes, len, &arena, &message, &fault);

    if (status != CHAT_OK) {
        fprintf(stderr, "rule: %s\n", fault.rule);
        fail(path, chat_status_name(status));
    }
    return message;
}

/* As the library writes it: batches by their frame, the rest by protobuf-c. */
static struct frame *encode(const struct root *root, const ProtobufCMessage *message)
{
    struct frame *frame;

    if (root->type == &wire_client_batch__descriptor)
        return wire_encode_client(NULL, ((const WireClientBatch *)message)->frames[0]);
    if (root->type == &wire_server_batch__descriptor)
        return wire_encode_server(NULL, ((const WireServerBatch *)message)->frames[0]);
    if (root->type == &wire_link_batch__descriptor)
        return wire_encode_link(NULL, ((const WireLinkBatch *)message)->frames[0]);
    frame = frame_new(NULL, protobuf_c_message_get_packed_size(message));
    if (frame)
        protobuf_c_message_pack(message, frame->bytes);
    return frame;
}

static const char *text_of(const ProtobufCMessage *message)
{
    static char text[FILE_MAX];
    FILE *file = fmemopen(text, sizeof(text), "w");

    if (!file)
        exit(EXIT_FAILURE);
    golden_text(message, 0, file);
    fclose(file);
    return text;
}

static void check_file(const char *path)
{
    struct golden golden;
    ProtobufCMessage *message;
    struct frame *again;

    read_golden(path, &golden);
    message = decode(path, golden.root, golden.bytes, golden.len);
    again = encode(golden.root, message);
    if (!again || again->len != golden.len || memcmp(again->bytes, golden.bytes, golden.len) != 0)
        fail(path, "is written differently now");
    if (strcmp(text_of(message), golden.text) != 0)
        fail(path, "is read differently now");
    frame_unref(again);
    arena_reset(&arena);
}

/* A batch of one frame with this body, or a message by itself. */
static ProtobufCMessage *make(const struct root *root, uint32_t choice)
{
    void **list = arena_alloc(&arena, sizeof(*list));
    WireClientBatch *batch;

    if (root->each == root->type || !root->each)
        return golden_fill(root->type, choice, &arena);
    batch = arena_alloc(&arena, root->type->sizeof_message);
    if (!list || !batch)
        exit(EXIT_FAILURE);
    root->type->message_init(&batch->base);
    *list = golden_fill(root->each, choice, &arena);
    batch->n_frames = 1; /* the three batches look alike */
    batch->frames = (WireClientFrame **)list;
    return &batch->base;
}

static bool has_file(const char *path)
{
    FILE *file = fopen(path, "rb");

    if (file)
        fclose(file);
    return file != NULL;
}

static void want_file(const char *dir, const struct root *root, const char *body, uint32_t choice,
                      bool add)
{
    char path[4096];
    ProtobufCMessage *message;
    struct frame *frame;

    snprintf(path, sizeof(path), "%s/%s%s%s.hex", dir, root->prefix, body ? "_" : "",
             body ? body : "");
    if (has_file(path))
        return;
    if (!add)
        fail(path, "is missing: tests/golden/add writes it");
    message = make(root, choice);
    frame = encode(root, message);
    if (!frame)
        fail(path, "cannot be encoded");
    write_golden(path, root, frame, message);
    frame_unref(frame);
    arena_reset(&arena);
}

static void want_files(const char *dir, bool add)
{
    for (size_t i = 0; i < ROOT_COUNT; i++) {
        const struct root *root = &roots[i];

        if (!root->each)
            want_file(dir, root, NULL, 0, add);
        for (unsigned k = 0; root->each && k < root->each->n_fields; k++) {
            const ProtobufCFieldDescriptor *f = &root->each->fields[k];

            if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
                want_file(dir, root, f->name, f->id, add);
        }
    }
}

static size_t check_files(const char *dir)
{
    DIR *folder = opendir(dir);
    struct dirent *entry;
    size_t count = 0;

    if (!folder)
        fail(dir, "cannot be opened");
    while ((entry = readdir(folder)) != NULL) {
        size_t len = strlen(entry->d_name);
        char path[4096];

        if (len < 4 || strcmp(entry->d_name + len - 4, ".hex") != 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        check_file(path);
        count++;
    }
    closedir(folder);
    return count;
}

int main(int argc, char **argv)
{
    bool add = argc == 3 && strcmp(argv[1], "add") == 0;

    if (!add && (argc != 3 || strcmp(argv[1], "check") != 0)) {
        fprintf(stderr, "usage: golden check|add DIR\n");
        return EXIT_FAILURE;
    }
    arena_init(&arena, NULL, 16u << 20);
    want_files(argv[2], add);
    printf("%zu golden vectors are read and written as ever\n", check_files(argv[2]));
    arena_fini(&arena);
    return EXIT_SUCCESS;
}
