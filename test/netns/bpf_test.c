/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel runs the XDP program on rows of frames (BPF_PROG_TEST_RUN): its verdict on each, and
 * the counter that moves. Needs root; prints SKIP without. */
#include "xdp/port/loader.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "xdp/port/baton.bpf.h"

#define KNOWN 0xc0, 0, 0, 1
#define STALE_BELOW 100u
#define ETH 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2
#define IP(ihl, len, frag_hi, frag_lo, proto, last)                                                \
	ihl, 0, 0, len, 0, 0, frag_hi, frag_lo, 9, proto, 0, 0, 192, 0, 2, 7, 10, 79, 0, last
#define UDP_OF(port, len) 0x9c, 0x40, (port) >> 8, (port) & 0xff, (len) >> 8, (len) & 0xff, 0, 0
#define UDP(port) UDP_OF(port, 40)
#define IP6(next, last)                                                                            \
	0x60, 0, 0, 0, 0, 40, next, 9, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7,      \
		0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last

static const struct row {
	const char *what;
	int count; /* The counter that must move; all others must not. */
	uint32_t action;
	uint8_t frame[90];
	uint32_t whole; /* REDIRECT: octets that must be there; one less, and it passes. */
} rows[] = {
	{"1 ESP, known SPI", BATON_COUNT_REDIRECT, XDP_PASS, /* No socket in the map: slow path. */
	 {ETH, 8, 0, IP(0x45, 60, 0, 0, 50, 100), KNOWN, 0, 0, 1, 0}, 42},
	{"2 the same to an address that is not ours", BATON_COUNT_REDIRECT, XDP_PASS,
	 {ETH, 8, 0, IP(0x45, 60, 0, 0, 50, 9), KNOWN, 0, 0, 1, 0}, 42},
	{"3 in UDP 4500", BATON_COUNT_REDIRECT, XDP_PASS,
	 {ETH, 8, 0, IP(0x45, 60, 0, 0, 17, 100), UDP(4500), KNOWN, 0, 0, 1, 0}, 50},
	{"4 in a VLAN", BATON_COUNT_REDIRECT, XDP_PASS,
	 {ETH, 0x81, 0, 0, 7, 8, 0, IP(0x45, 60, 0, 0, 50, 100), KNOWN, 0, 0, 1, 0}, 46},
	{"5 in two VLANs", BATON_COUNT_REDIRECT, XDP_PASS,
	 {ETH, 0x88, 0xa8, 0, 7, 0x81, 0, 0, 7, 8, 0, IP(0x45, 60, 0, 0, 50, 100), KNOWN, 0, 0, 1, 0}, 50},
	{"6 in three VLANs", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 0x88, 0xa8, 0, 7, 0x81, 0, 0, 7, 0x81, 0, 0, 7, 8, 0, IP(0x45, 60, 0, 0, 50, 100), KNOWN}, 0},
	{"7 IPv6", BATON_COUNT_REDIRECT, XDP_PASS,
	 {ETH, 0x86, 0xdd, IP6(50, 1), KNOWN, 0, 0, 1, 0}, 62},
	{"8 IPv6, UDP 4500", BATON_COUNT_REDIRECT, XDP_PASS,
	 {ETH, 0x86, 0xdd, IP6(17, 1), UDP(4500), KNOWN, 0, 0, 1, 0}, 70},
	{"9 unknown SPI to us", BATON_COUNT_UNKNOWN_SPI, XDP_DROP,
	 {ETH, 8, 0, IP(0x45, 60, 0, 0, 50, 100), 0xc0, 0, 0, 2, 0, 0, 1, 0}, 0},
	{"10 unknown SPI in UDP to us", BATON_COUNT_UNKNOWN_SPI, XDP_DROP,
	 {ETH, 8, 0, IP(0x45, 60, 0, 0, 17, 100), UDP(4500), 0xc0, 0, 0, 2, 0, 0, 1, 0}, 0},
	{"11 unknown SPI in transit", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 8, 0, IP(0x45, 60, 0, 0, 50, 9), 0xc0, 0, 0, 2, 0, 0, 1, 0}, 0},
	{"12 unknown SPI, IPv6, to us", BATON_COUNT_UNKNOWN_SPI, XDP_DROP,
	 {ETH, 0x86, 0xdd, IP6(50, 1), 0xc0, 0, 0, 2, 0, 0, 1, 0}, 0},
	{"13 stale number", BATON_COUNT_STALE, XDP_DROP,
	 {ETH, 8, 0, IP(0x45, 60, 0, 0, 50, 100), KNOWN, 0, 0, 0, 99}, 0},
	{"14 lowest number that is not", BATON_COUNT_REDIRECT, XDP_PASS,
	 {ETH, 8, 0, IP(0x45, 60, 0, 0, 50, 100), KNOWN, 0, 0, 0, 100}, 42},
	{"15 high number", BATON_COUNT_REDIRECT, XDP_PASS,
	 {ETH, 8, 0, IP(0x45, 60, 0, 0, 50, 100), KNOWN, 0xff, 0xff, 0xff, 0xff}, 42},
	{"16 IKE on 4500", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 8, 0, IP(0x45, 60, 0, 0, 17, 100), UDP(4500), 0, 0, 0, 0, KNOWN}, 0},
	{"17 IKE on 500", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 8, 0, IP(0x45, 60, 0, 0, 17, 100), UDP(500), KNOWN}, 0},
	{"18 first fragment", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 8, 0, IP(0x45, 60, 0x20, 0, 50, 100), KNOWN}, 0},
	{"19 last fragment", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 8, 0, IP(0x45, 60, 0, 9, 50, 100), KNOWN}, 0},
	{"20 options", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 8, 0, IP(0x46, 60, 0, 0, 50, 100), 1, 1, 1, 1, KNOWN}, 0},
	{"21 DF is no fragment", BATON_COUNT_REDIRECT, XDP_PASS,
	 {ETH, 8, 0, IP(0x45, 60, 0x40, 0, 50, 100), KNOWN, 0, 0, 1, 0}, 42},
	{"22 TCP", BATON_COUNT_PASS, XDP_PASS, {ETH, 8, 0, IP(0x45, 60, 0, 0, 6, 100), KNOWN}, 0},
	{"23 ARP", BATON_COUNT_PASS, XDP_PASS, {ETH, 8, 6, 0, 1, 8, 0}, 0},
	{"24 IPv6 fragment header", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 0x86, 0xdd, IP6(44, 1), 50, 0, 0, 1, 0, 0, 0, 9, KNOWN}, 0},
	/* UDP 4500: packets that are not ESP, by their own length, not the frame's, which Ethernet
	 * pads to 60 octets. */
	{"25 keepalive, filled up", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 8, 0, IP(0x45, 29, 0, 0, 17, 100), UDP_OF(4500, 9), 0xff}, 0},
	{"26 UDP without octets", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 8, 0, IP(0x45, 28, 0, 0, 17, 100), UDP_OF(4500, 8), KNOWN, 0, 0, 1, 0}, 0},
	{"27 SPI alone", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 8, 0, IP(0x45, 32, 0, 0, 17, 100), UDP_OF(4500, 12), KNOWN, 0, 0, 1, 0}, 0},
	{"28 seven octets", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 8, 0, IP(0x45, 35, 0, 0, 17, 100), UDP_OF(4500, 15), KNOWN, 0, 0, 1, 0}, 0},
	{"29 an ESP header: the worker's to refuse", BATON_COUNT_REDIRECT, XDP_PASS,
	 {ETH, 8, 0, IP(0x45, 36, 0, 0, 17, 100), UDP_OF(4500, 16), KNOWN, 0, 0, 1, 0}, 50},
	{"30 UDP length 0", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 8, 0, IP(0x45, 36, 0, 0, 17, 100), UDP_OF(4500, 0), KNOWN, 0, 0, 1, 0}, 0},
	{"31 keepalive, IPv6", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 0x86, 0xdd, IP6(17, 1), UDP_OF(4500, 9), 0xff}, 0},
	{"32 IKE on 4500, IPv6", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 0x86, 0xdd, IP6(17, 1), UDP(4500), 0, 0, 0, 0, KNOWN}, 0},
	{"33 ESP to another port", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 8, 0, IP(0x45, 60, 0, 0, 17, 100), UDP(4501), KNOWN, 0, 0, 1, 0}, 0},
	{"34 ESP from port 4500 to another", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 8, 0, IP(0x45, 60, 0, 0, 17, 100), 0x11, 0x94, 0x9c, 0x40, 0, 40, 0, 0, KNOWN, 0, 0, 1, 0}, 0},
	{"35 a client behind any port", BATON_COUNT_REDIRECT, XDP_PASS,
	 {ETH, 8, 0, IP(0x45, 60, 0, 0, 17, 100), 0, 1, 0x11, 0x94, 0, 40, 0, 0, KNOWN, 0, 0, 1, 0}, 50},
	{"36 in a VLAN, UDP", BATON_COUNT_REDIRECT, XDP_PASS,
	 {ETH, 0x81, 0, 0, 7, 8, 0, IP(0x45, 60, 0, 0, 17, 100), UDP(4500), KNOWN, 0, 0, 1, 0}, 54},
	{"37 in two VLANs, IPv6", BATON_COUNT_REDIRECT, XDP_PASS,
	 {ETH, 0x88, 0xa8, 0, 7, 0x81, 0, 0, 7, 0x86, 0xdd, IP6(50, 1), KNOWN, 0, 0, 1, 0}, 70},
	{"38 priority tag, VLAN 0", BATON_COUNT_REDIRECT, XDP_PASS,
	 {ETH, 0x81, 0, 0xe0, 0, 8, 0, IP(0x45, 60, 0, 0, 50, 100), KNOWN, 0, 0, 1, 0}, 46},
	{"39 unknown SPI in a VLAN", BATON_COUNT_UNKNOWN_SPI, XDP_DROP,
	 {ETH, 0x81, 0, 0, 7, 8, 0, IP(0x45, 60, 0, 0, 50, 100), 0xc0, 0, 0, 2, 0, 0, 1, 0}, 0},
	{"40 stale number in two VLANs", BATON_COUNT_STALE, XDP_DROP,
	 {ETH, 0x88, 0xa8, 0, 7, 0x81, 0, 0, 7, 8, 0, IP(0x45, 60, 0, 0, 50, 100), KNOWN, 0, 0, 0, 1}, 0},
	{"41 stale number, UDP over IPv6", BATON_COUNT_STALE, XDP_DROP,
	 {ETH, 0x86, 0xdd, IP6(17, 1), UDP(4500), KNOWN, 0, 0, 0, 0}, 0},
	{"42 a VLAN's type inside is no IP", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 0x81, 0, 0, 7, 8, 6, IP(0x45, 60, 0, 0, 50, 100), KNOWN}, 0},
	/* IPv6: extension headers go the slow path, whatever follows them. */
	{"43 hop-by-hop options", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 0x86, 0xdd, IP6(0, 1), 50, 0, 1, 4, 0, 0, 0, 0, KNOWN, 0, 0, 1, 0}, 0},
	{"44 routing header", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 0x86, 0xdd, IP6(43, 1), 50, 0, 4, 0, 0, 0, 0, 0, KNOWN, 0, 0, 1, 0}, 0},
	{"45 destination options", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 0x86, 0xdd, IP6(60, 1), 50, 0, 1, 4, 0, 0, 0, 0, KNOWN, 0, 0, 1, 0}, 0},
	{"46 options before UDP", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 0x86, 0xdd, IP6(60, 1), 17, 0, 1, 4, 0, 0, 0, 0, UDP(4500), KNOWN, 0, 0, 1, 0}, 0},
	{"47 AH", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 0x86, 0xdd, IP6(51, 1), 50, 4, 0, 0, KNOWN, 0, 0, 1, 0}, 0},
	{"48 no next header", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 0x86, 0xdd, IP6(59, 1), KNOWN, 0, 0, 1, 0}, 0},
	{"49 unknown SPI, IPv6, in transit", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 0x86, 0xdd, IP6(50, 9), 0xc0, 0, 0, 2, 0, 0, 1, 0}, 0},
	{"50 an IPv4 header typed as IPv6", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 0x86, 0xdd, IP(0x45, 60, 0, 0, 50, 100), KNOWN, 0, 0, 1, 0}, 0},
	{"51 an IPv6 header typed as IPv4", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 8, 0, IP6(50, 1), KNOWN, 0, 0, 1, 0}, 0},
	/* IPv4 */
	{"52 header of 16 octets", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 8, 0, IP(0x44, 60, 0, 0, 50, 100), KNOWN, 0, 0, 1, 0}, 0},
	{"53 header of 60 octets", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 8, 0, IP(0x4f, 60, 0, 0, 50, 100), 1, 1, 1, 1, KNOWN}, 0},
	{"54 middle fragment", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 8, 0, IP(0x45, 60, 0x20, 9, 50, 100), KNOWN}, 0},
	{"55 first fragment, UDP", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 8, 0, IP(0x45, 60, 0x20, 0, 17, 100), UDP(4500), KNOWN, 0, 0, 1, 0}, 0},
	{"56 the reserved flag is no fragment", BATON_COUNT_REDIRECT, XDP_PASS,
	 {ETH, 8, 0, IP(0x45, 60, 0x80, 0, 50, 100), KNOWN, 0, 0, 1, 0}, 42},
	{"57 AH", BATON_COUNT_PASS, XDP_PASS, {ETH, 8, 0, IP(0x45, 60, 0, 0, 51, 100), KNOWN}, 0},
	{"58 SPI 0", BATON_COUNT_PASS, XDP_PASS,
	 {ETH, 8, 0, IP(0x45, 60, 0, 0, 50, 100), 0, 0, 0, 0, 0, 0, 1, 0}, 0},
	{"59 a known SPI, but turned round", BATON_COUNT_UNKNOWN_SPI, XDP_DROP,
	 {ETH, 8, 0, IP(0x45, 60, 0, 0, 50, 100), 1, 0, 0, 0xc0, 0, 0, 1, 0}, 0},
	{"60 to all", BATON_COUNT_PASS, XDP_PASS,
	 {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 2, 8, 6, 0, 1}, 0},
};

static int failed, passed;

static void result(bool good, const char *what, const char *detail)
{
	printf("%s  %s%s\n", good ? "ok  " : "FAIL", what, good ? "" : detail);
	passed += good;
	failed += !good;
}

static int run(int program, const uint8_t *frame, uint32_t len, uint32_t *action)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame, .data_size_in = len, .repeat = 1);
	int error = bpf_prog_test_run_opts(program, &o);

	*action = o.retval;
	return error;
}

static void counts(const struct loader *l, uint64_t out[BATON_COUNT_MAX])
{
	for (unsigned i = 0; i < BATON_COUNT_MAX; i++)
		out[i] = loader_count(l, i);
}

static void run_row(const struct loader *l, const struct row *r)
{
	uint64_t before[BATON_COUNT_MAX], after[BATON_COUNT_MAX];
	char detail[160] = "";
	uint32_t action = 99;
	int error;

	counts(l, before);
	error = run(loader_program(l), r->frame, sizeof(r->frame), &action);
	counts(l, after);
	snprintf(detail, sizeof(detail), ": error %d, action %u, expected %u", error, action,
		 r->action);
	for (int i = 0; i < BATON_COUNT_MAX; i++)
		if (after[i] - before[i] != (uint64_t)(i == r->count)) {
			error = 1;
			snprintf(detail, sizeof(detail), ": counter %d moved by %d", i,
				 (int)(after[i] - before[i]));
		}
	result(!error && action == r->action, r->what, detail);
}

/* Every cut of every frame that is taken: in bounds the verifier proves it to be, this
 * says that a cut header is never taken for a whole one, and the whole one is taken. */
static void run_cuts(const struct loader *l)
{
	unsigned cuts = 0, frames = 0;
	const char *bad = NULL;
	char what[80];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *r = &rows[i];

		if (r->count != BATON_COUNT_REDIRECT)
			continue;
		frames++;
		for (uint32_t len = 14; len <= r->whole; len++, cuts++) {
			uint64_t before = loader_count(l, BATON_COUNT_REDIRECT), taken;
			uint32_t action = 99;

			if (run(loader_program(l), r->frame, len, &action) || action != XDP_PASS)
				bad = r->what;
			taken = loader_count(l, BATON_COUNT_REDIRECT) - before;
			if (taken != (uint64_t)(len == r->whole))
				bad = r->what;
		}
	}
	snprintf(what, sizeof(what), "61 %u cuts of %u frames pass, whole they are taken", cuts, frames);
	result(!bad && frames > 15, what, bad ? bad : "");
}

static void run_jumbo(const struct loader *l)
{
	static uint8_t frame[BATON_FRAME_MAX + 1];
	uint64_t before = loader_count(l, BATON_COUNT_REDIRECT), fits;
	uint32_t action = 99;

	memcpy(frame, rows[0].frame, sizeof(rows[0].frame));
	(void)run(loader_program(l), frame, BATON_FRAME_MAX, &action);
	fits = loader_count(l, BATON_COUNT_REDIRECT) - before;
	(void)run(loader_program(l), frame, BATON_FRAME_MAX + 1, &action);
	result(fits == 1 && loader_count(l, BATON_COUNT_REDIRECT) == before + 1 &&
		       action == XDP_PASS,
	       "62 a frame too long for the ring passes", "");
}

static void run_deleted(struct loader *l, uint32_t slot)
{
	uint32_t action = 99;

	loader_spi_del(l, 0xc0000001u, slot);
	(void)run(loader_program(l), rows[0].frame, sizeof(rows[0].frame), &action);
	result(action == XDP_DROP && l->n_free == l->slots, "63 a deleted SPI is unknown", "");
}

int main(void)
{
	struct prefix services[2];
	struct loader l;
	uint32_t slot = 0;
	int error;

	if (geteuid() != 0) {
		printf("SKIP: not root\n0 passed, 0 failed, 1 skipped\n");
		return 0;
	}
	if (prefix_parse(&services[0], "10.79.0.100/24") != OK ||
	    prefix_parse(&services[1], "2001:db8::1/64") != OK)
		return 1;
	error = loader_load(&l, 8, services, 2);
	if (error == -EPERM || error == -ENOSYS) {
		printf("SKIP: the kernel refuses BPF programs: %s\n", strerror(-error));
		printf("0 passed, 0 failed, 1 skipped\n");
		return 0;
	}
	result(!error && loader_spi_put(&l, 0xc0000001u, &slot) == 0, "0 loads", "");
	if (error)
		return 1;
	loader_spi_min(&l, slot, STALE_BELOW);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		run_row(&l, &rows[i]);
	run_cuts(&l);
	run_jumbo(&l);
	run_deleted(&l, slot);
	loader_unload(&l);
	printf("%d passed, %d failed, 0 skipped\n", passed, failed);
	return failed != 0;
}
