#include <libchat/version.h>

uint32_t chat_version_number(void) { return CHAT_VERSION_NUMBER; }
uint32_t chat_abi_version(void) { return CHAT_ABI_VERSION; }
