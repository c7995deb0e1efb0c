/* SPDX-License-Identifier: Apache-2.0 */
/* A thief with a node's certificate and key, at another node's link port.
 *
 *   link_peer ADDR:PORT CA CERT KEY SELF PEER PROOF WHAT
 *
 * SELF, PEER: the name in CERT, and the node whose port it is. PROOF: the start of the connection:
 *   none | random | echo (what the peer itself has proved) | a file with the storage key
 * WHAT, right behind it, before anything is read:
 *   all      a frame of each kind, and a packet to be sealed for a client
 *   copy     with the storage key: a HELLO as a copy of the peer's data directory, which is
 *            refused, then a packet
 *   join     with the storage key: a HELLO that is taken, then a packet
 * The packet is for SESSION and DESTINATION of the environment. Prints "closed" or "open" and
 * the types of frames that came, each once, in order. */
#include "cluster/level.h"
#include "cluster/state/command.h"
#include "cluster/link/detector.h"
#include "cluster/link/frame.h"
#include "cluster/link/proof.h"
#include "node/link/forward.h"
#include "node/link/tls.h"

#include <openssl/bytestring.h>
#include <openssl/mem.h>
#include <openssl/rand.h>

#include <assert.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define URGENT (1u << 30)
#define INCARNATION UINT64_C(0x1122334455667788)
#define PATIENCE_MS 1500

static struct tls *tls;
static int sock;
static bool closed;
static const char *self, *peer;
static uint8_t in[1u << 20];
static size_t in_len;
static struct frame_hello its_hello;
static char types[512];

static void flush(void)
{
	const uint8_t *data;
	size_t n;

	while ((n = tls_pending(tls, &data)) > 0) {
		ssize_t k = send(sock, data, n, MSG_NOSIGNAL);

		if (k <= 0) {
			closed = true;
			return;
		}
		tls_sent(tls, (size_t)k);
	}
}

/* More octets from the peer within ms; false: none, or it has closed. */
static bool receive(int ms)
{
	struct pollfd p = {.fd = sock, .events = POLLIN};
	uint8_t buffer[16384];
	ssize_t n;

	if (closed || poll(&p, 1, ms) <= 0)
		return false;
	n = recv(sock, buffer, sizeof(buffer), 0);
	if (n <= 0) {
		closed = true;
		return false;
	}
	tls_feed(tls, buffer, (size_t)n);
	return true;
}

static void say(uint32_t flags, const uint8_t *frame, size_t len)
{
	uint8_t chunk[4 + 8192];
	uint32_t head = flags | (uint32_t)len;

	assert(len <= 8192);
	for (unsigned i = 0; i < 4; i++)
		chunk[i] = (uint8_t)(head >> (24 - 8 * i));
	memcpy(chunk + 4, frame, len);
	(void)!tls_write(tls, chunk, 4 + len);
}

static void say_frame(const struct frame *f)
{
	struct blob *b = frame_create(f);

	say(0, b->data, b->len);
	blob_unref(b);
}

static void note_type(uint8_t type)
{
	char text[8];

	snprintf(text, sizeof(text), " %u", type);
	if (!strstr(types, text))
		strcat(types, text);
}

/* One whole chunk off the front of what came; its length, or 0. */
static size_t next_chunk(uint8_t *frame, size_t room)
{
	enum tls_result r = TLS_OK;
	size_t n, len;

	while (r == TLS_OK && in_len < sizeof(in)) {
		r = tls_read(tls, in + in_len, sizeof(in) - in_len > 16384 ? 16384 : sizeof(in) - in_len, &n);
		if (r == TLS_OK)
			in_len += n;
		else if (r != TLS_WAIT)
			closed = true;
	}
	len = in_len < 4 ? 0 : (size_t)in[1] << 16 | (size_t)in[2] << 8 | in[3];
	if (in_len < 4 || in_len < 4 + len || len > room)
		return 0;
	memcpy(frame, in + 4, len);
	memmove(in, in + 4 + len, in_len - 4 - len);
	in_len -= 4 + len;
	note_type(frame[0]);
	return len;
}

/* Reads for ms, or until a frame of that type has come (0: none stops it): its length. */
static size_t listen_for(uint8_t type, uint8_t *frame, size_t room, int ms)
{
	for (int left = ms; left > 0; left -= 10) {
		size_t len;
		struct frame f;

		while ((len = next_chunk(frame, room)) > 0) {
			if (frame[0] == FRAME_HELLO && frame_parse(&f, frame, len) == OK)
				its_hello = f.hello;
			if (type && frame[0] == type)
				return len;
		}
		if (closed)
			return 0;
		(void)receive(10);
	}
	return 0;
}

static void prove(const char *how)
{
	uint8_t exporter[PROOF_EXPORTER_LEN], frame[32768], hex[65] = "", key[32], a[32], b[32];
	struct proof_claim claim = {exporter, self, peer, PROOF_DIALS, INCARNATION};
	struct proof_keys k = {0};
	size_t len;
	FILE *f;

	if (strcmp(how, "none") == 0)
		return;
	if (strcmp(how, "echo") == 0) {
		len = listen_for(FRAME_PROOF, frame, sizeof(frame), PATIENCE_MS);
		if (len > 2)
			frame[2] = PROOF_DIALS;
		if (len > 0)
			say(0, frame, len);
		return;
	}
	if (strcmp(how, "random") == 0) {
		RAND_bytes(key, sizeof(key));
	} else {
		f = fopen(how, "re");
		assert(f && fread(hex, 1, 64, f) == 64);
		fclose(f);
		for (unsigned i = 0; i < 32; i++)
			assert(sscanf((char *)hex + 2 * i, "%2hhx", &key[i]) == 1);
	}
	tls_exporter(tls, PROOF_EXPORTER_LABEL, exporter, sizeof(exporter));
	proof_secret_derive(key, self, a);
	proof_secret_derive(key, peer, b);
	proof_keys_add(&k, a, b);
	say(0, frame, proof_create(&k, &claim, frame));
}

static void say_hello(uint64_t raft_id, uint64_t cluster_id)
{
	say_frame(&(struct frame){.type = FRAME_HELLO,
				  .hello = {.level = LEVEL, .raft_id = raft_id, .incarnation = INCARNATION,
					    .cluster_id = cluster_id, .term = 1, .last_index = 1}});
}

/* UDP in clear, from the protected network, to be sealed for a client. */
static void say_packet(void)
{
	uint8_t packet[40] = {0x45, 0, 0, 40, 0, 0, 0, 0, 64, 17, 0, 0, 10, 20, 0, 50}, frame[FORWARD_FRAME_MAX];
	struct datapath_forward f = {.direction = DATAPATH_OUTBOUND, .packet = packet, .len = sizeof(packet)};
	const char *session = getenv("SESSION"), *destination = getenv("DESTINATION");
	struct address to;
	uint32_t sum = 0;

	assert(session && destination && address_parse(&to, destination) == OK);
	f.session = strtoull(session, NULL, 10);
	memcpy(packet + 16, to.octets, 4);
	for (unsigned i = 0; i < 20; i += 2)
		sum += (uint32_t)packet[i] << 8 | packet[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16));
	packet[10] = (uint8_t)(sum >> 8);
	packet[11] = (uint8_t)sum;
	packet[25] = 20; /* UDP length */
	say(URGENT, frame, forward_create(&f, frame));
}

static void say_all(void)
{
	static const enum frame_type bytes[] = {FRAME_IDENTITY, FRAME_RAFT, FRAME_HALF_OPEN, FRAME_REFUSED};
	struct endpoint at = {.address = {.family = 4, .octets = {10, 79, 0, 100}}, .port = 500}, to = at;
	struct command down = {.type = COMMAND_NODE_DOWN, .node_down = {.id = its_hello.raft_id}};
	struct frame_mark row = {.spi_in = 0x100, .epoch = 1, .seq = 1000000};
	uint8_t heartbeat[HEARTBEAT_LEN] = {FRAME_HEARTBEAT};
	struct blob *b;

	to.address.octets[3] = 50;
	say_hello(42, 0);
	say(URGENT, heartbeat, sizeof(heartbeat));
	say_packet();
	for (unsigned i = 0; i < 4; i++)
		say_frame(&(struct frame){.type = bytes[i], .bytes = {(const uint8_t *)"hello", 5}});
	b = command_encode(&down, LEVEL);
	say_frame(&(struct frame){.type = FRAME_PROPOSE, .bytes = {b->data, b->len}});
	blob_unref(b);
	for (unsigned i = 0; i < 2; i++)
		say_frame(&(struct frame){.type = i ? FRAME_SEND : FRAME_RELAY,
					  .datagram = {at, to, (const uint8_t *)"0123456789012345678901234567", 28}});
	say_frame(&(struct frame){.type = FRAME_HALF_OPEN_ACK, .half_open_ack = {1, 2, 0}});
	for (unsigned i = 0; i < 2; i++) {
		b = frame_create_marks(i ? FRAME_MARKS_ACK : FRAME_MARKS, INCARNATION, &row, 1);
		say(0, b->data, b->len);
		blob_unref(b);
	}
	b = frame_create_done(1, NULL, 0);
	say(0, b->data, b->len);
	blob_unref(b);
	say_frame(&(struct frame){.type = FRAME_MARKS_ASK, .marks_ask = {1}});
	say_frame(&(struct frame){.type = FRAME_SUSPECT, .suspect = {1, 1, 1}});
	say_frame(&(struct frame){.type = FRAME_APPLIED, .applied = {1}});
	say_frame(&(struct frame){.type = FRAME_SESSION, .session = {ACTIVITY_ALIVE, 0x100, 1, at}});
}

static bool dial(const char *at)
{
	struct endpoint e;
	struct sockaddr_in to = {.sin_family = AF_INET};
	enum tls_result r = TLS_WAIT;

	assert(endpoint_parse(&e, at) == OK);
	to.sin_port = htons(e.port);
	memcpy(&to.sin_addr, e.address.octets, 4);
	sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock < 0 || connect(sock, (struct sockaddr *)&to, sizeof(to)) != 0)
		return false;
	while (r == TLS_WAIT && !closed) {
		r = tls_handshake(tls);
		flush();
		if (r == TLS_WAIT)
			(void)receive(PATIENCE_MS);
	}
	return r == TLS_OK;
}

int main(int argc, char **argv)
{
	char err[TLS_ERR_LEN];
	uint8_t frame[32768];
	struct tls_context *context;

	if (argc != 9)
		return 2;
	self = argv[5];
	peer = argv[6];
	context = tls_context_new(argv[2], argv[3], argv[4], self, err);
	if (!context) {
		fprintf(stderr, "%s\n", err);
		return 2;
	}
	tls = tls_new(context, false);
	if (!dial(argv[1])) {
		puts("no TLS");
		return 1;
	}
	prove(argv[7]);
	if (strcmp(argv[8], "all") == 0) {
		say_all();
	} else {
		flush();
		(void)listen_for(FRAME_HELLO, frame, sizeof(frame), PATIENCE_MS);
		say_hello(strcmp(argv[8], "copy") == 0 ? its_hello.raft_id : 43, its_hello.cluster_id);
		flush(); /* The verdict takes the other's control loop a round. */
		(void)listen_for(FRAME_REFUSED, frame, sizeof(frame), 300);
		for (unsigned i = 0; i < 5; i++)
			say_packet();
	}
	flush();
	(void)listen_for(0, frame, sizeof(frame), PATIENCE_MS);
	printf("%s%s\n", closed ? "closed" : "open", types);
	close(sock);
	return 0;
}
