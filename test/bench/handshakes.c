/* SPDX-License-Identifier: Apache-2.0 */
/* Load for the key exchange: many IKEv2 clients in one process (proto/ike/initiator.h), each with
 * its own UDP socket, over port 4500.
 *
 *    handshakes rate ADDR ID PSKFILE SECS CLIENTS   CLIENTS handshakes at a time for SECS s
 *    handshakes commit ADDR ID PSKFILE COUNT        one client, COUNT empty INFORMATIONALs
 *
 * After these a method can be named, psk, eap-mschapv2 (the file is the user's password) or pubkey (the
 * file is the client's certificate and key), the gateway's identity, to be sent as IDr, and the CA of its
 * certificate.
 *
 * "rate": a handshake is IKE_SA_INIT and IKE_AUTH, with a Child SA and a virtual address; its SAs
 * stay. "commit": the gateway answers a new request after a commit and a repeated one from its
 * cache; otherwise both take the same path, so each request is sent again after its answer, and the
 * difference of the two round trips is the commit (and opening and sealing one empty message).
 * Prints JSON; cpu_s is this process's own processor time, user and system, so that the shares of
 * gateway and generator can be told apart. */
#include "test/bench/handshakes_config.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NON_ESP_MARKER 4u
#define DATAGRAM_MAX 4096u
#define REPEAT_US 500000   /* A request is repeated after this. */
#define GIVE_UP_US 5000000 /* A handshake counts as failed after this. */
#define CLIENTS_MAX 1024u

struct client {
	int fd;
	struct initiator ike;
	int64_t begun_us, sent_us;
};

struct sample {
	int64_t *us;
	size_t n, room;
};

struct totals {
	size_t done, failed, repeated;
	struct sample took;
};

static struct initiator_config config;

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void die(const char *what)
{
	fprintf(stderr, "handshakes: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void sample_add(struct sample *s, int64_t us)
{
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 1024;
		s->us = realloc(s->us, s->room * sizeof(*s->us));
		assert(s->us);
	}
	s->us[s->n++] = us;
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Nearest rank, in milliseconds. */
static double sample_quantile(struct sample *s, double q)
{
	size_t at = (size_t)(q * (double)s->n + 0.999999);

	if (s->n == 0)
		return 0;
	qsort(s->us, s->n, sizeof(*s->us), by_value);
	return (double)s->us[at ? at - 1 : 0] / 1000;
}

/* ---- One client ---- */

static void client_open(struct client *c)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(4500) }, own;
	socklen_t len = sizeof(own);

	memcpy(&to.sin_addr, config.remote.address.octets, 4);
	c->fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
	    getsockname(c->fd, (struct sockaddr *)&own, &len) != 0)
		die("socket");
	config.local.address = address_ipv4(ntohl(own.sin_addr.s_addr));
	config.local.port = ntohs(own.sin_port);
}

static void client_send(struct client *c, const struct blob *b)
{
	uint8_t data[DATAGRAM_MAX] = { 0 };

	assert(b && b->len <= sizeof(data) - NON_ESP_MARKER);
	memcpy(data + NON_ESP_MARKER, b->data, b->len);
	/* A full queue or an unreachable host is a loss, which repetition mends. */
	(void)!send(c->fd, data, b->len + NON_ESP_MARKER, 0);
	c->sent_us = now_us();
}

/* Adopts b. */
static void client_send_once(struct client *c, struct blob *b)
{
	client_send(c, b);
	blob_unref(b);
}

static void client_begin(struct client *c)
{
	uint8_t seed[ENTROPY_SEED_LEN];
	struct sockaddr_in own;
	socklen_t len = sizeof(own);

	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed) ||
	    getsockname(c->fd, (struct sockaddr *)&own, &len) != 0)
		die("client");
	initiator_fini(&c->ike);
	config.local.port = ntohs(own.sin_port);
	initiator_init(&c->ike, &config, seed);
	c->begun_us = now_us();
	client_send_once(c, initiator_create_init(&c->ike));
}

/* One datagram; false when there was none. */
static bool client_receive(struct client *c)
{
	uint8_t data[DATAGRAM_MAX];
	ssize_t n = recv(c->fd, data, sizeof(data), MSG_DONTWAIT);
	struct blob *next;

	if (n < 0)
		return false;
	if (n <= (ssize_t)NON_ESP_MARKER || memcmp(data, "\0\0\0\0", NON_ESP_MARKER) != 0)
		return true;
	next = initiator_consume(&c->ike, data + NON_ESP_MARKER, (size_t)n - NON_ESP_MARKER);
	if (next)
		client_send_once(c, next);
	return true;
}

/* ---- rate ---- */

static void client_look(struct client *c, struct totals *t)
{
	int64_t now = now_us();

	if (c->ike.state == INITIATOR_ESTABLISHED) {
		t->done++;
		sample_add(&t->took, now - c->begun_us);
		client_begin(c);
	} else if (c->ike.state == INITIATOR_FAILED || now - c->begun_us > GIVE_UP_US) {
		t->failed++;
		client_begin(c);
	} else if (now - c->sent_us > REPEAT_US) {
		t->repeated++;
		client_send_once(c, initiator_retransmit(&c->ike));
	}
}

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int rate(double secs, size_t n)
{
	struct client *client = calloc(n, sizeof(*client));
	struct pollfd *p = calloc(n, sizeof(*p));
	struct totals t = { 0 };
	int64_t begin, end;
	double took;

	assert(client && p);
	for (size_t i = 0; i < n; i++) {
		client_open(&client[i]);
		p[i] = (struct pollfd){ .fd = client[i].fd, .events = POLLIN };
	}
	begin = now_us();
	end = begin + (int64_t)(secs * 1e6);
	for (size_t i = 0; i < n; i++)
		client_begin(&client[i]);
	while (now_us() < end) {
		(void)poll(p, n, 50);
		for (size_t i = 0; i < n; i++) {
			while ((p[i].revents & (POLLIN | POLLERR)) && client_receive(&client[i]) &&
			       client[i].ike.state != INITIATOR_ESTABLISHED)
				;
			client_look(&client[i], &t);
		}
	}
	took = (double)(now_us() - begin) / 1e6;
	printf("{\"secs\": %.2f, \"clients\": %zu, \"handshakes\": %zu, \"per_s\": %.1f, \"failed\": %zu, "
	       "\"repeated\": %zu, \"p50_ms\": %.2f, \"p99_ms\": %.2f, \"cpu_s\": %.2f}\n",
	       took, n, t.done, (double)t.done / took, t.failed, t.repeated,
	       sample_quantile(&t.took, 0.5), sample_quantile(&t.took, 0.99), cpu_s());
	return t.done ? 0 : 1;
}

/* ---- commit ---- */

/* Waits for the next datagram up to `us`; false when none came. */
static bool client_wait(struct client *c, int64_t us)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };

	return poll(&p, 1, (int)(us / 1000)) > 0 && client_receive(c);
}

/* Sends b and returns the round trip in us, or -1 when it was lost. */
static int64_t round_trip(struct client *c, const struct blob *b)
{
	uint32_t before = c->ike.counts.responses + c->ike.counts.ignored;
	int64_t begin = now_us();

	client_send(c, b);
	while (now_us() - begin < REPEAT_US)
		if (client_wait(c, REPEAT_US) &&
		    c->ike.counts.responses + c->ike.counts.ignored > before)
			return now_us() - begin;
	return -1;
}

static int commit(size_t count)
{
	struct client c = { .fd = -1 };
	struct sample fresh = { 0 }, cached = { 0 };
	size_t lost = 0;

	client_open(&c);
	client_begin(&c);
	while (c.ike.state != INITIATOR_ESTABLISHED) {
		if (c.ike.state == INITIATOR_FAILED || now_us() - c.begun_us > GIVE_UP_US) {
			fprintf(stderr, "handshakes: no IKE SA, error %u\n", c.ike.error);
			return 1;
		}
		if (!client_wait(&c, REPEAT_US))
			client_send_once(&c, initiator_retransmit(&c.ike));
	}
	for (size_t i = 0; i < count; i++) {
		struct blob *request = initiator_create_dpd(&c.ike);
		int64_t us;

		assert(request);
		for (us = round_trip(&c, request); us < 0; us = round_trip(&c, request))
			if (++lost > count) {
				fprintf(stderr, "handshakes: the gateway does not answer\n");
				return 1;
			}
		sample_add(&fresh, us);
		us = round_trip(&c, request);
		if (us >= 0)
			sample_add(&cached, us);
		else
			lost++;
		blob_unref(request);
	}
	printf("{\"requests\": %zu, \"lost\": %zu, \"committed_p50_ms\": %.3f, \"committed_p99_ms\": %.3f, "
	       "\"cached_p50_ms\": %.3f, \"cached_p99_ms\": %.3f, \"commit_p50_ms\": %.3f, \"commit_p99_ms\": %.3f}\n",
	       fresh.n, lost, sample_quantile(&fresh, 0.5), sample_quantile(&fresh, 0.99),
	       sample_quantile(&cached, 0.5), sample_quantile(&cached, 0.99),
	       sample_quantile(&fresh, 0.5) - sample_quantile(&cached, 0.5),
	       sample_quantile(&fresh, 0.99) - sample_quantile(&cached, 0.5));
	return 0;
}

int main(int argc, char **argv)
{
	size_t fixed = argc > 1 && strcmp(argv[1], "rate") == 0 ? 7 : 6;
	struct load load = {0};

	if ((size_t)argc >= fixed && (size_t)argc <= fixed + 3) {
		load = (struct load){.address = argv[2], .id = argv[3], .file = argv[4],
				     .method = (size_t)argc > fixed ? argv[fixed] : "psk",
				     .gateway = (size_t)argc > fixed + 1 ? argv[fixed + 1] : NULL,
				     .ca = (size_t)argc > fixed + 2 ? argv[fixed + 2] : NULL};
		if (!load_config(&config, &load))
			return 2;
		if (fixed == 7 && atoi(argv[6]) >= 1 && atoi(argv[6]) <= (int)CLIENTS_MAX)
			return rate(atof(argv[5]), (size_t)atoi(argv[6]));
		if (strcmp(argv[1], "commit") == 0)
			return commit((size_t)atoi(argv[5]));
	}
	fprintf(stderr, "usage: handshakes rate ADDR ID FILE SECS CLIENTS [METHOD [GATEWAY [CA]]]\n"
			"       handshakes commit ADDR ID FILE COUNT [METHOD [GATEWAY [CA]]]\n");
	return 2;
}
