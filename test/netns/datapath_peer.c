/* SPDX-License-Identifier: Apache-2.0 */
/* One data path with one SA pair of fixed keys and no key exchange, for the
 * namespace tests: two of these are a tunnel.
 *
 *   datapath_peer SIDE MODE ENCAP OUTER INNER LOCAL REMOTE INNER_ADDRESS LOCAL_TS REMOTE_TS
 *
 * SIDE is a or b; MODE auto, xdp, socket; ENCAP udp or esp. REMOTE_TS is routed to
 * the TUN device (dp-SIDE). Prints "ready MODE: WHY", then reads commands from
 * stdin, one letter per line: h hold, r release, i isolated, j contact again, v
 * revoke and g grant the SA, f inject what was to be forwarded, c counters, q quit. */
#include "xdp/datapath.h"

#include <assert.h>
#include <net/if.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct peer {
	pthread_mutex_t lock; /* From the last packet that was to be forwarded. */
	struct datapath_forward forward;
	uint8_t packet[DATAPATH_PACKET_MAX];
	_Atomic uint64_t marks, lease_lows, peers, first_ins, ike, forwards, ticket;
	_Atomic uint64_t lease_seq;
};

static void on_report(void *ctx, const struct sa_report *reports, size_t n)
{
	struct peer *p = ctx;

	for (size_t i = 0; i < n; i++) {
		p->marks += reports[i].kind == SA_REPORT_MARK;
		p->peers += reports[i].kind == SA_REPORT_PEER;
		p->first_ins += reports[i].kind == SA_REPORT_FIRST_IN;
		p->lease_lows += reports[i].kind == SA_REPORT_LEASE_LOW;
	}
}

static void on_ike(void *ctx, const struct endpoint *local, const struct endpoint *remote,
		   const uint8_t *data, size_t len)
{
	struct peer *p = ctx;

	(void)local, (void)remote, (void)data, (void)len;
	p->ike++;
}

static void on_forward(void *ctx, const struct datapath_forward *f)
{
	struct peer *p = ctx;

	pthread_mutex_lock(&p->lock);
	p->forward = *f;
	memcpy(p->packet, f->packet, f->len);
	p->forward.packet = p->packet;
	pthread_mutex_unlock(&p->lock);
	p->forwards++;
}

static void on_applied(void *ctx, uint64_t ticket)
{
	struct peer *p = ctx;

	p->ticket = ticket;
}

static struct prefix must_prefix(const char *text)
{
	struct prefix p;

	if (prefix_parse(&p, text) != OK) {
		fprintf(stderr, "not a prefix: %s\n", text);
		exit(2);
	}
	return p;
}

static void fill_sa(struct child_sa *sa, bool a, const struct prefix *local,
		    const struct prefix *remote)
{
	struct esp_keys a_to_b, b_to_a;

	memset(sa, 0, sizeof(*sa));
	memset(&a_to_b, 0x41, sizeof(a_to_b));
	memset(&b_to_a, 0x42, sizeof(b_to_a));
	sa->spi_in = a ? 0xc0000001u : 0xc0000002u;
	sa->spi_out = a ? 0xc0000002u : 0xc0000001u;
	sa->suite = (struct suite){.encr = ENCR_AES_GCM_16, .encr_key_bits = 128, .esn = ESN_NO};
	sa->in = a ? b_to_a : a_to_b;
	sa->out = a ? a_to_b : b_to_a;
	sa->local.n = sa->remote.n = 1;
	sa->local.ts[0] = ts_from_prefix(local);
	sa->remote.ts[0] = ts_from_prefix(remote);
}

static void install(struct datapath *dp, struct child_sa *sa, const struct sad_path *path)
{
	struct sa_update updates[] = {
		{.kind = SA_UPDATE_PUT, .spi_in = sa->spi_in, .session = 1, .child = sa,
		 .path = *path},
		{.kind = SA_UPDATE_GRANT, .spi_in = sa->spi_in, .session = 1,
		 .grant = {.epoch = 1, .start = 1, .end = UINT64_C(1) << 31}},
		{.kind = SA_UPDATE_OUTBOUND, .spi_in = sa->spi_in, .session = 1},
		{.kind = SA_UPDATE_OWNER, .n_slots = 1, .owner = 1}, /* When it is revoked. */
	};

	if (datapath_post(dp, updates, 4, NULL) != OK) {
		fprintf(stderr, "post failed\n");
		exit(1);
	}
}

static void change(struct datapath *dp, uint32_t spi, enum sa_update_kind kind)
{
	struct sa_update u = {.kind = kind, .spi_in = spi, .session = 1,
			      .grant = {.epoch = 1, .start = 1, .end = UINT64_C(1) << 31}};

	if (datapath_post(dp, &u, 1, NULL) != OK)
		exit(1);
}

/* The packet that was to be forwarded comes back, as if from another node. */
static void inject(struct datapath *dp, struct peer *p)
{
	pthread_mutex_lock(&p->lock);
	if (!p->forward.len || datapath_inject(dp, &p->forward) != OK)
		printf("nothing to inject\n");
	pthread_mutex_unlock(&p->lock);
}

static void print_counters(struct datapath *dp, uint32_t spi, const struct peer *p)
{
	struct datapath_counters c;
	struct datapath_sa_stats s;

	datapath_count(dp, &c);
	datapath_sa_stats(dp, &spi, 1, &s);
	printf("in %llu out %llu marks %llu first %llu peers %llu ike %llu arp %llu sas %llu "
	       "xdp_in %llu xdp_out %llu deferred %llu forwards %llu "
	       "injected %llu next %llu top %llu granted %d",
	       (unsigned long long)c.packets_in, (unsigned long long)c.packets_out,
	       (unsigned long long)p->marks, (unsigned long long)p->first_ins,
	       (unsigned long long)p->peers, (unsigned long long)p->ike,
	       (unsigned long long)c.arp_replies, (unsigned long long)c.sas,
	       (unsigned long long)c.xdp_in, (unsigned long long)c.xdp_out,
	       (unsigned long long)c.deferred, (unsigned long long)p->forwards,
	       (unsigned long long)c.injected, (unsigned long long)s.next,
	       (unsigned long long)s.top, s.granted);
	for (unsigned i = 1; i < DROP_COUNT; i++)
		if (c.drops[i])
			printf(" drop_%s %llu", drop_text(i), (unsigned long long)c.drops[i]);
	printf("\n");
	fflush(stdout);
}

static struct contact contact = { .contact_us = UINT64_MAX };

static void serve(struct datapath *dp, uint32_t spi, struct peer *p)
{
	char line[16];

	while (fgets(line, sizeof(line), stdin)) {
		if (line[0] == 'h')
			datapath_hold(dp);
		else if (line[0] == 'r')
			datapath_release(dp);
		else if (line[0] == 'v')
			change(dp, spi, SA_UPDATE_REVOKE);
		else if (line[0] == 'g')
			change(dp, spi, SA_UPDATE_GRANT);
		else if (line[0] == 'f')
			inject(dp, p);
		else if (line[0] == 'i')
			contact.contact_us = 0;
		else if (line[0] == 'j')
			contact.contact_us = UINT64_MAX;
		else if (line[0] == 'c')
			print_counters(dp, spi, p);
		else if (line[0] == 'q')
			break;
	}
}

int main(int argc, char **argv)
{
	static struct peer peer = {.lock = PTHREAD_MUTEX_INITIALIZER};
	char err[DATAPATH_ERR_LEN] = "", tun[IFNAMSIZ];
	struct datapath_face face = {&peer, on_report, on_ike, on_forward, on_applied, NULL};

	if (argc != 11) {
		fprintf(stderr, "usage: see the source\n");
		return 2;
	}
	bool a = argv[1][0] == 'a', udp = argv[3][0] == 'u';
	struct prefix local = must_prefix(argv[6]), remote = must_prefix(argv[7]);
	struct prefix inner = must_prefix(argv[8]);
	struct prefix local_ts = must_prefix(argv[9]), remote_ts = must_prefix(argv[10]);
	struct datapath_config config = {
		.mode = argv[2][0] == 's' ? DATAPATH_SOCKET
			: argv[2][0] == 'x' ? DATAPATH_XDP : DATAPATH_AUTO,
		.outer_interface = argv[4], .inner_interface = argv[5], .tun = tun,
		.addresses = &local, .n_addresses = 1,
		.inner_addresses = &inner, .n_inner_addresses = 1,
		.announce = true,
		.isolation_ms = 200, .contact = &contact,
		.iv_salt = a ? 0x11111111 : 0x22222222, .sa_max = 1024,
	};
	struct sad_path path = {.local = {local.address, udp ? 4500 : 0},
				.remote = {remote.address, udp ? 4500 : 0},
				.udp_encap = udp};
	struct child_sa sa;

	snprintf(tun, sizeof(tun), "dp-%s", argv[1]);
	if (!prefix_list_add(&config.pools, &remote_ts))
		return 2;
	struct datapath *dp = datapath_start(&config, &face, err);
	if (!dp) {
		fprintf(stderr, "%s\n", err);
		return 1;
	}
	fill_sa(&sa, a, &local_ts, &remote_ts);
	install(dp, &sa, &path);
	datapath_hold(dp);
	while (!datapath_holds(dp) || !peer.ticket)
		usleep(1000);
	printf("ready %s: %s\n", datapath_mode_text(dp), datapath_mode_why(dp));
	fflush(stdout);
	serve(dp, sa.spi_in, &peer);
	print_counters(dp, sa.spi_in, &peer);
	datapath_stop(dp);
	return 0;
}
