/*
 * devices: which devices a user has signed in with, in the user's home, and signing them out.
 *
 * A device that signs in is noted, but not more often than once in DEVICE_SEEN_MS. Signing one
 * out mints a number: sessions of it with lower ones end, and tickets that were given to those
 * are refused, on whatever router. So are tokens that say that they were issued before, when they
 * come from this device. It stays known, so that this holds, but is listed no more until it signs
 * in again. Known are CHAT_DEVICES_MAX: for one more the one that was signed in or out longest ago
 * is forgotten. Signing out everywhere raises the user's auth_epoch, and refuses tokens that were
 * issued before from whatever device.
 */
#ifndef CHAT_SERVER_STORE_DEVICES_H
#define CHAT_SERVER_STORE_DEVICES_H

#include "server/store/shard.h"

#define DEVICE_SEEN_MS 3600000
#define DEVICE_CLOCK_MS 60000 /* what clocks may differ by */

void devices_from_row(struct known_device *out, const WireDeviceRow *row);
/* After loading: the longest untouched first, which is the next to be forgotten. */
void devices_sort(struct home *home);

/* Was the device signed out after it had this session, or the ticket or token that it came with? */
bool devices_is_signed_out(const struct shard *s, const struct home *home,
                           const WireOpenSession *open);
/* It has signed in. Best effort: the next time brings it again. */
void devices_saw(struct shard *s, struct home *home, const WireOpenSession *open,
                 uint64_t session_no);

/* Handlers of frames. */
void devices_fetch(struct shard *s, const struct request *req);
void devices_sign_out(struct shard *s, const struct request *req);
void devices_sign_out_everywhere(struct shard *s, const struct request *req);

#endif
