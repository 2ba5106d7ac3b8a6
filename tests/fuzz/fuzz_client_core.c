/* A whole client against a server that says anything: see fuzz_client.h. */
#include "fuzz_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct memory_vfs empty; /* a file without content: tables take their time */
    static struct run r;
    uint8_t how;

    run_config(&r, bytes, len);
    how = input_byte(&r.in);
    r.config.keep_max = how % 3u * 4;
    if (how >= 0x80 && !memory_vfs_get(&empty, FILE_NAME)) {
        open_core(&r);
        client_free(r.core);
        FUZZ_CHECK(memory_vfs_copy(&empty, &disk));
    }
    if (how >= 0x80)
        FUZZ_CHECK(memory_vfs_copy(&disk, &empty));
    open_core(&r);
    FUZZ_CHECK(client_start(r.core) == CHAT_OK);
    turn(&r);
    run_steps(&r);
    FUZZ_CHECK(client_outgoing_count(r.core) <= OUTBOX_MAX);
    reopen(&r);
    run_end(&r);
    return 0;
}
