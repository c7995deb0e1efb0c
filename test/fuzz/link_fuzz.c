/* SPDX-License-Identifier: Apache-2.0 */
/* One end of a node link behind its TLS: chunks, as an authenticated node that has gone wrong sends
 * them. The first octet says in which pieces they arrive; the rest is a list of steps, each with a
 * first octet:
 *   even: so many octets as half of it says, as they are
 *   odd:  a chunk: its head (4 octets), the type of frame, then zeros
 * The highest bit of the first octet: the link is not up yet, and the first chunk has to be a
 * proof, which whoever verifies it takes if its last octet is even.
 * A model that has all octets at once says which frames that makes and whether the
 * connection lives; a frame's memory must not outgrow what has arrived of it. */
#include "node/link/connection.c" /* The one file of node/ that this needs. */

#include <openssl/bytestring.h>

/* runs: 25000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define STREAM_MAX (600u << 10)
#define SEEN_MAX 4096u

struct seen {
	bool urgent;
	uint8_t type;
	size_t len;
	uint64_t sum;
};

static uint8_t stream[STREAM_MAX];
static size_t stream_len, stream_at, piece;
static struct seen seen[2][SEEN_MAX]; /* By the connection, by the model. */
static size_t n_seen[2];
static bool closed, proving;

static void see(unsigned who, bool urgent, const uint8_t *frame, size_t len)
{
	struct seen *s = &seen[who][n_seen[who]];
	uint64_t sum = len;

	if (n_seen[who] == SEEN_MAX)
		return;
	for (size_t i = 0; i < len; i++)
		sum = sum * 31 + frame[i];
	*s = (struct seen){.urgent = urgent, .type = frame[0], .len = len, .sum = sum};
	n_seen[who]++;
}

/* ---- What the connection calls ---- */

void link_frame(struct conn *c, const uint8_t *frame, size_t len)
{
	c->greeted |= frame[0] == FRAME_HELLO;
	see(0, false, frame, len);
}

void link_urgent(struct conn *c, const uint8_t *frame, size_t len)
{
	(void)c;
	see(0, true, frame, len);
}

enum tls_result tls_read(struct tls *t, uint8_t *out, size_t room, size_t *n)
{
	(void)t;
	*n = stream_len - stream_at;
	if (*n > room)
		*n = room;
	if (*n > piece)
		*n = piece;
	memcpy(out, stream + stream_at, *n);
	stream_at += *n;
	return *n ? TLS_OK : TLS_WAIT;
}

void link_beat(struct link *l) { (void)l; }
void link_arrived(struct link *l) { (void)l; }

void link_ended(struct conn *c)
{
	(void)c;
	closed = true;
}

void uv_close(uv_handle_t *h, uv_close_cb cb)
{
	(void)h;
	(void)cb; /* The connection is freed below, when its octets have been read. */
}

/* As node/link/link_proof.c does, but for what a proof is. */
void link_proved(struct conn *c, const uint8_t *frame, size_t len)
{
	assert(c->state == CONN_PROVING && len <= PROOF_LEN_MAX);
	see(0, false, frame, len);
	if (frame[len - 1] % 2)
		conn_close(c);
	else
		c->state = CONN_UP;
}

void link_prove(struct conn *c) { (void)c; abort(); }

/* Never called on a link that is up and has nothing to say. */
void link_say(struct link *l, uint32_t node, const char *format, ...) { (void)l; (void)node; (void)format; }
enum tls_result tls_handshake(struct tls *t) { (void)t; abort(); }
enum tls_result tls_write(struct tls *t, const uint8_t *data, size_t len) { (void)t; (void)data; (void)len; abort(); }
size_t tls_pending(struct tls *t, const uint8_t **data) { (void)t; *data = NULL; return 0; }
void tls_sent(struct tls *t, size_t n) { (void)t; (void)n; }
void tls_feed(struct tls *t, const uint8_t *data, size_t len) { (void)t; (void)data; (void)len; }
void tls_free(struct tls *t) { (void)t; }
struct tls *tls_new(struct tls_context *c, bool server) { (void)c; (void)server; abort(); }
uint32_t tls_peer(const struct tls *t, const struct cluster_config *c) { (void)t; (void)c; abort(); }
const char *tls_error(const struct tls *t) { (void)t; return ""; }
uint64_t boottime_us(void) { return 1; }

/* ---- The model ---- */

static size_t limit_of(uint8_t type, bool greeted)
{
	if (!greeted)
		return type == FRAME_HELLO ? 1024 : 0;
	if (type == FRAME_RAFT)
		return FRAME_LEN_MAX;
	return type < 64 ? 131072 : 0;
}

/* What all of the stream makes; false: the connection has to end. */
static bool model(void)
{
	static uint8_t frame[STREAM_MAX];
	size_t frame_len = 0;
	bool greeted = false, proof = proving;
	CBS in, chunk;
	uint32_t head;

	CBS_init(&in, stream, stream_len);
	while (CBS_get_u32(&in, &head)) {
		bool more = head >> 31, urgent = head >> 30 & 1;
		size_t n = head & 0xffffff;

		if (proof) {
			proof = false;
			if (n == 0 || head > PROOF_LEN_MAX)
				return false;
			if (!CBS_get_bytes(&in, &chunk, n))
				return true;
			see(1, false, CBS_data(&chunk), n);
			if (CBS_data(&chunk)[n - 1] % 2)
				return false;
			continue;
		}
		if (n == 0 || n > (urgent ? 4096 : 32768) || (head >> 24 & 0x3f) || (more && urgent))
			return false;
		if (!CBS_get_bytes(&in, &chunk, n))
			return true; /* Waits for the rest. */
		if (urgent) {
			see(1, true, CBS_data(&chunk), n);
			continue;
		}
		memcpy(frame + frame_len, CBS_data(&chunk), n);
		frame_len += n;
		if (frame_len > limit_of(frame[0], greeted))
			return false;
		if (more)
			continue;
		see(1, false, frame, frame_len);
		greeted |= frame[0] == FRAME_HELLO;
		frame_len = 0;
	}
	return true;
}

/* ---- The input ---- */

static void put(const uint8_t *data, size_t len)
{
	size_t room = STREAM_MAX - stream_len;

	if (len > room)
		len = room;
	if (data)
		memcpy(stream + stream_len, data, len);
	else
		memset(stream + stream_len, 0, len);
	stream_len += len;
}

static void make_stream(CBS *in)
{
	uint8_t what;
	CBS octets;

	stream_len = stream_at = 0;
	while (CBS_get_u8(in, &what)) {
		size_t n = what & 1 ? 5 : what / 2u;

		if (n > CBS_len(in))
			n = CBS_len(in);
		CBS_get_bytes(in, &octets, n);
		put(CBS_data(&octets), n);
		if (what & 1 && n == 5) {
			const uint8_t *h = CBS_data(&octets);
			size_t len = (size_t)h[1] << 16 | (size_t)h[2] << 8 | h[3];

			put(NULL, len ? len - 1 : 0);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct link link;
	struct conn *c;
	uint8_t pieces;
	bool good;
	CBS in;

	CBS_init(&in, data, len);
	if (!CBS_get_u8(&in, &pieces))
		return 0;
	proving = pieces & 0x80;
	pieces &= 0x7f;
	piece = (size_t)pieces * pieces + 1;
	make_stream(&in);
	n_seen[0] = n_seen[1] = 0;
	closed = false;
	c = calloc(1, sizeof(*c));
	assert(c);
	c->link = &link;
	c->tcp.data = link.conns = c;
	c->state = proving ? CONN_PROVING : CONN_UP;
	conn_advance(c);
	assert(c->frame_room <= 2 * stream_len);
	good = model();
	assert(closed == !good && (c->state == CONN_CLOSING) == closed);
	assert(n_seen[0] == n_seen[1]);
	for (size_t i = 0; i < n_seen[0]; i++)
		assert(seen[0][i].urgent == seen[1][i].urgent && seen[0][i].len == seen[1][i].len &&
		       seen[0][i].type == seen[1][i].type && seen[0][i].sum == seen[1][i].sum);
	on_closed((uv_handle_t *)&c->tcp);
	return 0;
}
