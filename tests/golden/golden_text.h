/* golden_text: a message as text, the way `protoc --decode` prints it. */
#ifndef CHAT_TESTS_GOLDEN_TEXT_H
#define CHAT_TESTS_GOLDEN_TEXT_H

#include <stdio.h>

#include <protobuf-c/protobuf-c.h>

void golden_text(const ProtobufCMessage *message, unsigned indent, FILE *out);

#endif
