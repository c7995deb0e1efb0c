/* SPDX-License-Identifier: Apache-2.0 */
/* A pair of ESP SAs made by one exchange (RFC 7296 1.3): what both directions of the data path
 * need, and nothing that changes with a packet. */
#ifndef PROTO_ESP_CHILD_SA_H
#define PROTO_ESP_CHILD_SA_H

#include "proto/crypto/secret.h"
#include "proto/crypto/suite.h"
#include "proto/wire/traffic_selector.h"

#include <stdbool.h>

#define ESP_KEY_MAX 36u   /* 256 bits and the 4 octets of salt of a counter mode. */
#define ESP_INTEG_MAX 64u /* HMAC-SHA2-512 */

/* Keys of one direction. */
struct esp_keys {
	uint8_t encr[ESP_KEY_MAX];   /* suite_encr_key_len() octets, salt last. */
	uint8_t integ[ESP_INTEG_MAX]; /* suite_integ_key_len() octets. */
};

struct child_sa {
	uint32_t spi_in;  /* Ours: the client sends to it. Unique in the cluster. */
	uint32_t spi_out; /* The client's. */
	struct suite suite;
	struct esp_keys in, out;
	struct ts_set local, remote; /* Ours and the client's side. */
	uint32_t replaces; /* spi_in of the Child SA this one rekeyed, or 0. */
	uint64_t made_ms;  /* Cluster time. */
	bool expired;      /* Its hard lifetime is over: no packet passes, it waits for its DELETE. */
	bool esp_in_udp;   /* Where no NAT is known: its ESP comes in UDP, and is answered so. */
};

#endif
