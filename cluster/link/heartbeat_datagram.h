/* SPDX-License-Identifier: Apache-2.0 */
/* A heartbeat as a datagram of its own, so that no TLS and no lost segment stands before it:
 *
 *   id (8) | heartbeat frame (HEARTBEAT_LEN) | MAC (16)
 *
 *   MAC = the first 16 octets of HMAC-SHA256(key, id | frame)  (RFC 2104 5)
 *
 * id and key come from the TLS exporter (RFC 8446 7.5), anew for each connection of the link and
 * each direction: only the node that proved itself on that connection can make them. A repeated
 * datagram opens again: see heartbeat_is_new(). */
#ifndef CLUSTER_LINK_HEARTBEAT_DATAGRAM_H
#define CLUSTER_LINK_HEARTBEAT_DATAGRAM_H

#include "cluster/link/detector.h"
#include "proto/wire/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEARTBEAT_ID_LEN 8u
#define HEARTBEAT_KEY_LEN 32u
#define HEARTBEAT_MAC_LEN 16u
#define HEARTBEAT_DATAGRAM_LEN (HEARTBEAT_ID_LEN + HEARTBEAT_LEN + HEARTBEAT_MAC_LEN)
#define HEARTBEAT_EXPORT_LEN (2 * (HEARTBEAT_ID_LEN + HEARTBEAT_KEY_LEN))
/* RFC 5705 4: what begins so needs no registration. */
#define HEARTBEAT_EXPORTER_LABEL "EXPERIMENTAL baton heartbeats"

struct heartbeat_key {
	uint8_t id[HEARTBEAT_ID_LEN], key[HEARTBEAT_KEY_LEN];
};

struct heartbeat_keys { /* Keys of one connection. Cleanse it. */
	struct heartbeat_key ours, its;
};

/* exported: HEARTBEAT_EXPORT_LEN octets of that label. dials: we made the connection. */
void heartbeat_keys_split(struct heartbeat_keys *k, const uint8_t *exported, bool dials);
void heartbeat_datagram_create(const struct heartbeat_key *k, const uint8_t frame[HEARTBEAT_LEN],
			       uint8_t out[HEARTBEAT_DATAGRAM_LEN]);
/* ERR_MALFORMED: its length; ERR_NOT_FOUND: of another connection, or direction; ERR_AUTH. */
enum status heartbeat_datagram_open(const struct heartbeat_key *k, const uint8_t *data, size_t len,
				    uint8_t frame[HEARTBEAT_LEN]) must_check;
/* Did it leave after the newest one that we took? Then it becomes the newest. A repeated or
 * overtaken one shows neither that its sender lives nor how long its log is. newest_us is 0 when a
 * connection begins. */
bool heartbeat_is_new(uint64_t *newest_us, const uint8_t frame[HEARTBEAT_LEN]);

#endif
