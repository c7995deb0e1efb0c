/* SPDX-License-Identifier: Apache-2.0 */
/* A packet worker between a client that holds the keys of its SA and a network behind.
 * The input is a list of steps: kind, argument, length (2 octets), octets:
 *   RAW      ESP as a stranger sends it
 *   INSIDE   the octets, sealed under the client's keys; its numbers advance by the argument
 *   AGAIN    an earlier one of these, once more
 *   OUTWARD  a packet from the network behind, to any address
 *   STATE    isolated or not, marks awaited or not, a new owner's epoch, another path
 *   DELIVER  a majority holds the mark (the argument); if this comes first, the SA is exact
 * What must hold (DESIGN section 10): nothing is delivered inward twice or outside the
 * selectors, of an exact SA nothing before a majority has its mark or beyond the horizon, no
 * number is sealed twice, every packet is delivered, dropped with a reason, deferred, kept
 * waiting or forwarded. */
#include "xdp/engine/engine.h"
#include "xdp/engine/inner.h"

#include <openssl/bytestring.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* runs: 12000 */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define SPI_IN 0xc0000001u
#define SPI_OUT 0xc0000002u
#define NUMBERS 65536u
#define SENT_MAX 64u

enum kind { RAW, INSIDE, AGAIN, OUTWARD, STATE, DELIVER, KINDS };

#define STEPS_KINDS KINDS
#include "test/fuzz/steps.h"

static struct engine engine;
static struct esp_context client;
static struct entropy entropy;
static struct child_sa child = {
	.spi_in = SPI_IN,
	.spi_out = SPI_OUT,
	.suite = {.encr = ENCR_AES_GCM_16, .encr_key_bits = 128, .esn = ESN_NO},
	.local = {.n = 1},
	.remote = {.n = 1},
};
static uint8_t delivered[NUMBERS], sealed[NUMBERS];
static size_t n_inner, n_outer, n_forwarded;
static struct {
	uint8_t data[PACKET_BUFFER];
	size_t len;
} sent[SENT_MAX];
static size_t n_sent;
static int64_t epoch;
static bool exact;
static uint64_t majority, horizon;

/* ---- What comes out ---- */

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void out_inner(void *ctx, struct packet **packets, size_t n)
{
	(void)ctx;
	for (size_t i = 0; i < n; i++) {
		const struct packet *p = packets[i];

		assert(p->len >= 20 && p->data[0] >> 4 == 4);
		assert(be32(p->data + 12) == 0x0a1e0005 && be32(p->data + 16) >> 16 == 0x0a14);
		assert((size_t)(p->data[2] << 8 | p->data[3]) == p->len);
		assert(p->seq > 0 && p->seq < NUMBERS && !delivered[p->seq]);
		assert(!exact || (p->seq <= majority && p->seq < horizon));
		delivered[p->seq] = 1;
		n_inner++;
	}
}

static void out_outer(void *ctx, struct packet **packets, size_t n)
{
	(void)ctx;
	for (size_t i = 0; i < n; i++) {
		uint32_t seq = be32(packets[i]->data + 4);

		assert(be32(packets[i]->data) == SPI_OUT);
		assert(seq > 0 && seq < NUMBERS && !sealed[seq]);
		sealed[seq] = 1;
		n_outer++;
	}
}

static void on_report(void *ctx, const struct sa_report *reports, size_t n)
{
	(void)ctx;
	for (size_t i = 0; i < n; i++)
		assert(reports[i].spi_in == SPI_IN && reports[i].session == 1);
}

static void on_forward(void *ctx, const struct datapath_forward *f)
{
	(void)ctx;
	assert(f->len > 0 && f->len <= DATAPATH_PACKET_MAX);
	n_forwarded++;
}

/* ---- The SA ---- */

static struct endpoint endpoint_of(const char *text)
{
	struct endpoint e;

	if (endpoint_parse(&e, text) != OK)
		abort();
	return e;
}

static struct traffic_selector ts_of(const char *text)
{
	struct prefix p;

	if (prefix_parse(&p, text) != OK)
		abort();
	return ts_from_prefix(&p);
}

static void update(struct sa_update u)
{
	u.spi_in = SPI_IN;
	engine_update(&engine, &u, u.kind == SA_UPDATE_PUT ? engine_sa_new(&u, 0) : NULL);
	engine_update_done(&engine);
}

static void grant(bool defer)
{
	struct seq_grant g = {.epoch = ++epoch, .defer = defer};

	g.start = (uint64_t)epoch * 256 - 255;
	g.end = g.start + 256;
	if (exact) {
		g.horizon = horizon += 64;
		g.quorum = true;
		majority = 0;
	}
	update((struct sa_update){.kind = SA_UPDATE_GRANT, .grant = g});
}

static struct sad_path path_of(const char *remote)
{
	return (struct sad_path){.udp_encap = true, .local = endpoint_of("10.79.0.100:4500"),
				 .remote = endpoint_of(remote)};
}

static void sa_put(bool is_exact)
{
	struct sa_update u = {.kind = SA_UPDATE_PUT, .spi_in = SPI_IN, .session = 1,
			      .child = &child, .replay_bits = 64, .path = path_of("192.0.2.7:4500")};

	update(u);
	update((struct sa_update){.kind = SA_UPDATE_OUTBOUND});
	epoch = 0;
	exact = is_exact;
	majority = horizon = 0;
	grant(false);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const uint8_t seed[ENTROPY_SEED_LEN];
	static const struct datapath_face face = {.report = on_report, .forward = on_forward};
	static const struct engine_output out = {.inner = out_inner, .outer = out_outer};
	struct engine_config config = {.sa_max = 8, .replay_bits = 64, .iv_salt = 7, .seed = seed,
				       .face = &face, .out = &out};

	(void)argc;
	(void)argv;
	child.local.ts[0] = ts_of("10.20.0.0/16");
	child.remote.ts[0] = ts_of("10.30.0.5/32");
	memset(&child.in, 1, sizeof(child.in));
	memset(&child.out, 2, sizeof(child.out));
	entropy_init(&entropy, seed);
	if (engine_init(&engine, &config) != OK ||
	    esp_context_init(&client, &child.suite, &child.in, true) != OK)
		abort();
	update((struct sa_update){ .kind = SA_UPDATE_OWNER, .n_slots = 1, .owner = 1 });
	return 0;
}

/* ---- Steps ---- */

/* Packets that have gone somewhere. */
static uint64_t all_gone(void)
{
	uint64_t sum = n_inner + n_outer + n_forwarded + engine.counters.deferred + engine.counters.waited;

	for (unsigned i = 0; i < DROP_COUNT; i++)
		sum += engine.counters.drops[i];
	return sum;
}

static void pass(uint8_t *data, size_t len, bool inbound, uint8_t flags)
{
	uint64_t before = all_gone();
	struct packet p = {.data = data, .len = len, .injected = flags & 1};

	p.path.udp_encap = flags & 2;
	p.path.local = endpoint_of("10.79.0.100:4500");
	p.path.remote = endpoint_of(flags & 4 ? "192.0.2.8:4500" : "192.0.2.7:4500");
	engine.now_us += MARKS_US;
	if (inbound)
		engine_inbound(&engine, &p, 1);
	else
		engine_outbound(&engine, &p, 1);
	assert(all_gone() == before + 1);
}

static void do_step(enum kind kind, uint8_t argument, const CBS *octets)
{
	uint8_t buffer[PACKET_BUFFER] = {0}, *p = buffer + PACKET_HEAD_ROOM, *esp;
	static uint64_t seq;
	size_t len = CBS_len(octets), esp_len;

	if (n_sent == 0)
		seq = 0;
	if (len > DATAPATH_PACKET_MAX - 100)
		len = DATAPATH_PACKET_MAX - 100;
	memcpy(p, CBS_data(octets), len);
	switch (kind) {
	case RAW:
		pass(p, len, true, argument);
		break;
	case INSIDE:
		if (n_sent == SENT_MAX)
			break;
		seq += argument;
		if (seq == 0 || esp_seal(&client, SPI_IN, seq, 1, &entropy, len && p[0] >> 4 == 6 ? 41 : 4, p,
				     len, &esp, &esp_len) != DROP_NONE)
			break;
		memcpy(sent[n_sent].data, esp, esp_len);
		sent[n_sent++].len = esp_len;
		pass(esp, esp_len, true, 2);
		break;
	case AGAIN:
		if (n_sent == 0)
			break;
		memcpy(p, sent[argument % n_sent].data, sent[argument % n_sent].len);
		pass(p, sent[argument % n_sent].len, true, (uint8_t)len);
		break;
	case OUTWARD:
		pass(p, len, false, argument);
		break;
	case STATE:
		engine.isolated = argument & 1;
		if (argument & 2 && epoch < 250)
			grant(argument & 4);
		if (argument & 8)
			update((struct sa_update){.kind = SA_UPDATE_REVOKE});
		if (argument & 16)
			update((struct sa_update){.kind = SA_UPDATE_FLOOR, .mark = argument});
		if (argument & 32)
			update((struct sa_update){.kind = SA_UPDATE_PATH, .path = path_of("192.0.2.9:4501")});
		break;
	case DELIVER:
		if (!exact)
			break;
		majority = argument > majority ? argument : majority;
		update((struct sa_update){.kind = SA_UPDATE_DELIVER, .mark = majority, .epoch = epoch});
		break;
	case KINDS:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t kind, argument;
	CBS in, octets;

	memset(delivered, 0, sizeof(delivered));
	memset(sealed, 0, sizeof(sealed));
	n_sent = 0;
	engine.isolated = false;
	sa_put(len > 0 && data[0] % KINDS == DELIVER);
	CBS_init(&in, data, len);
	while (CBS_get_u8(&in, &kind) && CBS_get_u8(&in, &argument) &&
	       CBS_get_u16_length_prefixed(&in, &octets))
		do_step((enum kind)(kind % KINDS), argument, &octets);
	engine.isolated = false;
	update((struct sa_update){.kind = SA_UPDATE_RESUME}); /* Nothing is left over. */
	update((struct sa_update){.kind = SA_UPDATE_DEL});
	return 0;
}
