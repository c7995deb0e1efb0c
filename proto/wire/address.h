/* SPDX-License-Identifier: Apache-2.0 */
/* IP addresses, endpoints and prefixes, host-independent: octets stay in
 * network order, ports are host order. */
#ifndef PROTO_WIRE_ADDRESS_H
#define PROTO_WIRE_ADDRESS_H

#include "proto/wire/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address {
	uint8_t family; /* 4, 6, or 0 for none. */
	uint8_t octets[16]; /* The first 4 for IPv4, the rest then zero. */
};

struct endpoint {
	struct address address;
	uint16_t port; /* 0 where there is none (raw ESP). */
};

struct prefix {
	struct address address;
	uint8_t bits;
};

#define ADDRESS_TEXT_LEN 46u  /* With the final NUL. */
#define ENDPOINT_TEXT_LEN 56u

struct address address_ipv4(uint32_t host_order);
uint32_t address_to_ipv4(const struct address *a); /* Host order; family must be 4. */
size_t address_len(const struct address *a);       /* 4, 16 or 0. */
bool address_equal(const struct address *a, const struct address *b);
int address_compare(const struct address *a, const struct address *b);
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);
bool prefix_contains(const struct prefix *p, const struct address *a);
struct prefix prefix_network(const struct prefix *p); /* Without its host bits. */
struct prefix prefix_host(const struct address *a);   /* That address alone. */

/* Text. parse: "10.0.0.1", "2001:db8::1", "10.0.0.0/16" (host bits kept),
 * "10.0.0.1:7500", "[2001:db8::1]:7500". ERR_MALFORMED otherwise. */
enum status address_parse(struct address *a, const char *text) must_check;
enum status prefix_parse(struct prefix *p, const char *text) must_check;
enum status endpoint_parse(struct endpoint *e, const char *text) must_check;
const char *address_format(const struct address *a, char text[ADDRESS_TEXT_LEN]);
const char *endpoint_format(const struct endpoint *e, char text[ENDPOINT_TEXT_LEN]);

#endif
