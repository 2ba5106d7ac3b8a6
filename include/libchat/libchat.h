/* Everything of the libchat client. */
#ifndef LIBCHAT_LIBCHAT_H
#define LIBCHAT_LIBCHAT_H

#include <libchat/alloc.h>
#include <libchat/conn.h>
#include <libchat/event.h>
#include <libchat/export.h>
#include <libchat/limits.h>
#include <libchat/log.h>
#include <libchat/loop.h>
#include <libchat/message.h>
#include <libchat/status.h>
#include <libchat/transport.h>
#include <libchat/version.h>
#include <libchat/view.h>

#endif
