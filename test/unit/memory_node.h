/* SPDX-License-Identifier: Apache-2.0 */
/* A node's packet engine with ports of memory. Tests carry packets from node to node, so each may
 * be repeated, spoiled, delayed or sent to the wrong node.
 *
 * For tests that include it, after cmocka.h.
 *
 *   gateway (10.20.0.0/16)  <--- ESP --->  client (10.30.0.5) */
#ifndef TEST_UNIT_MEMORY_NODE_H
#define TEST_UNIT_MEMORY_NODE_H

#include "xdp/engine/engine.h"

#include <stdlib.h>
#include <string.h>

#define SPI_GATEWAY 0xc0000001u
#define SPI_CLIENT 0xc0000002u
#define BOX (DEFERRED_MAX + 64u)
#define OTHER_NODE 2u /* Owns slot 0, in which all SAs are, of which this node has no grant. */

struct boxed {
	uint8_t data[PACKET_BUFFER];
	size_t len;
	struct sad_path path;
	uint8_t tos; /* Outbound. */
};

struct memory_node {
	struct engine e;
	struct boxed *outer, *inner; /* What it sent. */
	size_t n_outer, n_inner;
	struct sa_report reports[1024];
	size_t n_reports;
	struct datapath_forward forward;
	uint8_t forwarded[DATAPATH_PACKET_MAX];
	size_t n_forwards;
	uint32_t unknown;
	bool refuse; /* The kernel refuses all output. */
};

struct sa_options {
	uint32_t spi_add, replaces; /* A rekeyed pair. */
	const char *remote_ts;      /* The client's, at the client. */
	bool cbc, esn;
};

#define DROPS(node, d) ((node)->e.counters.drops[d])

static void box(struct boxed *to, size_t *n, struct packet **packets, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		assert_true(*n < BOX);
		memcpy(to[*n].data, packets[i]->data, packets[i]->len);
		to[*n].len = packets[i]->len;
		to[*n].path = packets[i]->path;
		to[*n].tos = packets[i]->tos;
		++*n;
	}
}

static void out_inner(void *ctx, struct packet **packets, size_t n)
{
	struct memory_node *node = ctx;

	for (size_t i = 0; node->refuse && i < n; i++)
		packets[i]->drop = DROP_OUTPUT;
	if (!node->refuse)
		box(node->inner, &node->n_inner, packets, n);
}

static void out_outer(void *ctx, struct packet **packets, size_t n)
{
	struct memory_node *node = ctx;

	box(node->outer, &node->n_outer, packets, n);
}

static void on_report(void *ctx, const struct sa_report *reports, size_t n)
{
	struct memory_node *node = ctx;

	assert_true(n > 0 && node->n_reports + n <= 1024);
	memcpy(node->reports + node->n_reports, reports, n * sizeof(*reports));
	node->n_reports += n;
}

static void on_forward(void *ctx, const struct datapath_forward *f)
{
	struct memory_node *node = ctx;

	node->forward = *f;
	memcpy(node->forwarded, f->packet, f->len);
	node->forward.packet = node->forwarded;
	node->n_forwards++;
}

static void on_unknown(void *ctx, uint32_t spi)
{
	((struct memory_node *)ctx)->unknown = spi;
}

static struct memory_node *memory_node_new(void)
{
	static const uint8_t seed[ENTROPY_SEED_LEN];
	struct memory_node *node = calloc(1, sizeof(*node));
	struct datapath_face face = {.ctx = node, .report = on_report, .forward = on_forward,
				     .unknown_spi = on_unknown};
	struct engine_output out = {.ctx = node, .inner = out_inner, .outer = out_outer};
	struct engine_config config = {.sa_max = 64, .iv_salt = 7, .seed = seed, .face = &face,
				       .out = &out};
	const struct sa_update owner = { .kind = SA_UPDATE_OWNER,
					 .n_slots = 1,
					 .owner = OTHER_NODE };

	assert_int_equal(engine_init(&node->e, &config), OK);
	engine_update(&node->e, &owner, NULL);
	node->outer = calloc(BOX, sizeof(*node->outer));
	node->inner = calloc(BOX, sizeof(*node->inner));
	return node;
}

static void memory_node_free(struct memory_node *node)
{
	engine_fini(&node->e);
	free(node->outer);
	free(node->inner);
	free(node);
}

static struct sad_path path_of(const char *local, const char *remote)
{
	struct sad_path p = {.udp_encap = true};

	assert_int_equal(endpoint_parse(&p.local, local), OK);
	assert_int_equal(endpoint_parse(&p.remote, remote), OK);
	return p;
}

static struct ts_set ts_of(const char *text)
{
	struct ts_set s = {.n = 1};
	struct prefix p;

	assert_int_equal(prefix_parse(&p, text), OK);
	s.ts[0] = ts_from_prefix(&p);
	return s;
}

static void update(struct memory_node *node, struct sa_update u)
{
	engine_update(&node->e, &u,
		      u.kind == SA_UPDATE_PUT ? engine_sa_new(&u, 0) : NULL);
	engine_update_done(&node->e);
}

/* An SA pair of fixed keys, one side of it; it carries outbound packets. */
static void put(struct memory_node *node, bool gateway, struct sa_options o)
{
	struct child_sa child = {
		.spi_in = (gateway ? SPI_GATEWAY : SPI_CLIENT) + o.spi_add,
		.spi_out = (gateway ? SPI_CLIENT : SPI_GATEWAY) + o.spi_add,
		.suite = {.encr = o.cbc ? ENCR_AES_CBC : ENCR_AES_GCM_16,
			  .encr_key_bits = 128,
			  .integ = o.cbc ? AUTH_HMAC_SHA2_256_128 : AUTH_NONE,
			  .esn = o.esn ? ESN_YES : ESN_NO},
		.local = ts_of(gateway ? "10.20.0.0/16" : o.remote_ts ? o.remote_ts : "10.30.0.5/32"),
		.remote = ts_of(gateway ? "10.30.0.5/32" : "10.20.0.0/16"),
		.replaces = o.replaces,
	};
	struct sa_update u = {.kind = SA_UPDATE_PUT, .spi_in = child.spi_in, .session = 1,
			      .child = &child};

	memset(&child.in, gateway ? 1 : 2, sizeof(child.in));
	memset(&child.out, gateway ? 2 : 1, sizeof(child.out));
	u.path = gateway ? path_of("10.79.0.100:4500", "192.0.2.7:4500")
			 : path_of("192.0.2.7:4500", "10.79.0.100:4500");
	update(node, u);
	update(node, (struct sa_update){.kind = SA_UPDATE_OUTBOUND, .spi_in = child.spi_in});
}

static void grant(struct memory_node *node, uint32_t spi, struct seq_grant g)
{
	update(node, (struct sa_update){.kind = SA_UPDATE_GRANT, .spi_in = spi, .grant = g});
}

/* Both nodes with one SA each, granted: epoch 1, numbers 1 to 999. */
static void pair(struct memory_node **gateway, struct memory_node **client, struct sa_options o)
{
	struct seq_grant g = {.epoch = 1, .start = 1, .end = 1000};

	*gateway = memory_node_new();
	*client = memory_node_new();
	put(*gateway, true, o);
	put(*client, false, o);
	grant(*gateway, SPI_GATEWAY + o.spi_add, g);
	grant(*client, SPI_CLIENT + o.spi_add, g);
}

static uint8_t inner_class; /* DSCP and ECN of inner packets from now on. */

/* An inner ICMP packet with n octets of payload, into outbound processing. */
static void send_inner_from(struct memory_node *node, const char *src, const char *dst, uint8_t n)
{
	uint8_t buffer[PACKET_BUFFER] = {0}, *ip = buffer + PACKET_HEAD_ROOM;
	struct packet p = {.data = ip, .len = 20u + n};
	struct address a;

	ip[0] = 0x45;
	ip[1] = inner_class;
	ip[3] = (uint8_t)(20 + n);
	ip[8] = 64;
	ip[9] = 1;
	assert_int_equal(address_parse(&a, src), OK);
	memcpy(ip + 12, a.octets, 4);
	assert_int_equal(address_parse(&a, dst), OK);
	memcpy(ip + 16, a.octets, 4);
	memset(ip + 20, n, n);
	engine_outbound(&node->e, &p, 1);
}

static inline void client_sends(struct memory_node *client, uint8_t n)
{
	send_inner_from(client, "10.30.0.5", "10.20.0.9", n);
}

static inline void gateway_sends(struct memory_node *gateway, uint8_t n)
{
	send_inner_from(gateway, "10.20.0.9", "10.30.0.5", n);
}

/* Packet i of from's outer side arrives at to; injected: by another node. */
static void arrive_as(struct memory_node *to, const struct memory_node *from, size_t i, bool injected)
{
	uint8_t copy[PACKET_BUFFER];
	struct packet p = {.data = copy, .len = from->outer[i].len, .injected = injected};

	memcpy(copy, from->outer[i].data, p.len);
	p.path.local = from->outer[i].path.remote;
	p.path.remote = from->outer[i].path.local;
	p.path.udp_encap = from->outer[i].path.udp_encap;
	p.path.class = from->outer[i].path.class;
	to->e.now_us += MARKS_US;
	engine_inbound(&to->e, &p, 1);
}

static inline void arrive(struct memory_node *to, const struct memory_node *from, size_t i)
{
	arrive_as(to, from, i, false);
}

/* How many reports of a kind, and the last one (NULL: none). */
static inline size_t reports_of(const struct memory_node *node, enum sa_report_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < node->n_reports; i++)
		n += node->reports[i].kind == kind;
	return n;
}

static inline const struct sa_report *last_report(const struct memory_node *node, enum sa_report_kind kind)
{
	for (size_t i = node->n_reports; i-- > 0;)
		if (node->reports[i].kind == kind)
			return &node->reports[i];
	return NULL;
}

static inline uint32_t seq_of(const struct boxed *b)
{
	return (uint32_t)b->data[4] << 24 | (uint32_t)b->data[5] << 16 | (uint32_t)b->data[6] << 8 |
	       b->data[7];
}

#endif
