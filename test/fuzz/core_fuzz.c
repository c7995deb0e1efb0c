/* SPDX-License-Identifier: Apache-2.0 */
/* One node of three, whole: the input is its life, event by event, as struct life_event
 * has it: datagrams from anybody, and frames from nodes that are not what they were.
 * Its disk and its packet workers are those of test/lib/story.c, which asserts that what
 * it orders is possible. The first octet says which node of three; from three on the SAs
 * are exact, so marks are acknowledged, and horizons are kept.
 *
 * The seeds are what a node saw in real stories:  core_fuzz --record DIR */
#include "cluster/core/core.h"

static void recorded_step(struct core *core, const struct event *event, struct actions *actions);
#define cluster_step recorded_step
#include "test/lib/story.c" /* With each step seen. */
#undef cluster_step

#include <openssl/bytestring.h>

/* runs: 150 */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* kind | milliseconds since the last one (2) | number of the seed (2) | then by kind:
 * DATAGRAM and FRAME: from (1), length (2), octets; LINK and SUSPECT: node (1), is (1);
 * ISOLATION: is (1); SA_REPORTS: kind (1), SPI (4), epoch (1), number (4), port (2) */
struct life_event {
	struct event e;
	uint16_t seed;
	uint32_t from;
	CBS data;
};

static struct story story;
static uint32_t self;
static FILE *record; /* Of node `self`, while a story is told. */
static uint64_t recorded_us;

/* ---- Reading a life ---- */

static bool read_datagram(CBS *in, struct life_event *l)
{
	uint8_t from;

	if (!CBS_get_u8(in, &from) || !CBS_get_u16_length_prefixed(in, &l->data))
		return false;
	l->e.datagram.local = story.client.config.remote;
	l->e.datagram.remote = story.client.config.local;
	l->e.datagram.remote.port = (uint16_t)(l->e.datagram.remote.port + from);
	l->e.datagram.data = CBS_data(&l->data);
	l->e.datagram.len = CBS_len(&l->data);
	return true;
}

static bool read_frame(CBS *in, struct life_event *l)
{
	uint8_t from;

	if (!CBS_get_u8(in, &from) || !CBS_get_u16_length_prefixed(in, &l->data) ||
	    CBS_len(&l->data) == 0)
		return false;
	l->e.frame.node = from % STORY_NODES;
	l->e.frame.data = CBS_data(&l->data);
	l->e.frame.len = CBS_len(&l->data);
	return l->e.frame.node != self;
}

static bool read_report(CBS *in, struct life_event *l)
{
	static struct sa_report r;
	uint8_t kind, epoch;
	uint32_t seq;

	memset(&r, 0, sizeof(r));
	if (!CBS_get_u8(in, &kind) || !CBS_get_u32(in, &r.spi_in) || !CBS_get_u8(in, &epoch) ||
	    !CBS_get_u32(in, &seq) || !CBS_get_u16(in, &r.remote.port))
		return false;
	r.kind = (enum sa_report_kind)(kind % (SA_REPORT_BELOW_HORIZON + 1));
	r.epoch = epoch;
	r.seq = seq;
	r.remote.address = address_ipv4(0x0a4f0033);
	l->e.sa_reports.reports = &r;
	l->e.sa_reports.n = 1;
	return true;
}

/* False: at the end, or not an event. */
static bool read_event(CBS *in, struct life_event *l)
{
	uint8_t kind, node = 0, is = 0;
	uint16_t ms;

	memset(l, 0, sizeof(*l));
	if (!CBS_get_u8(in, &kind) || !CBS_get_u16(in, &ms) || !CBS_get_u16(in, &l->seed))
		return false;
	story.now_us += ms % 4096 * UINT64_C(1000);
	l->e.type = (enum event_type)(kind % (EVENT_SHUTDOWN + 1));
	switch (l->e.type) {
	case EVENT_DATAGRAM:
		return read_datagram(in, l);
	case EVENT_FRAME:
		return read_frame(in, l);
	case EVENT_LINK:
	case EVENT_SUSPECT:
		if (!CBS_get_u8(in, &node) || !CBS_get_u8(in, &is))
			return false;
		l->e.suspect.node = l->e.link.node = node % STORY_NODES;
		l->e.suspect.suspect = l->e.link.up = is & 1;
		if (l->e.type == EVENT_SUSPECT)
			l->e.suspect.silent_us = 30000;
		return node % STORY_NODES != self;
	case EVENT_ISOLATION:
		if (!CBS_get_u8(in, &is))
			return false;
		l->e.isolation.isolated = is & 1;
		return true;
	case EVENT_SA_REPORTS:
		return read_report(in, l);
	default:
		return true;
	}
}

/* ---- Recording one ---- */

static void put(uint64_t value, int octets)
{
	while (octets-- > 0)
		fputc((int)(value >> 8 * octets & 0xff), record);
}

static void put_octets(uint8_t from, const uint8_t *data, size_t len)
{
	assert(len < 65536);
	put(from, 1);
	put(len, 2);
	fwrite(data, 1, len, record);
}

static void put_event(const struct event *e)
{
	uint32_t draws;

	memcpy(&draws, e->seed, sizeof(draws));
	put(e->type, 1);
	put((e->now_us - recorded_us) / 1000, 2);
	recorded_us = e->now_us;
	put(draws, 2);
	if (e->type == EVENT_DATAGRAM) {
		put_octets(0, e->datagram.data, e->datagram.len);
	} else if (e->type == EVENT_FRAME) {
		put_octets((uint8_t)e->frame.node, e->frame.data, e->frame.len);
	} else if (e->type == EVENT_LINK) {
		put(e->link.node, 1);
		put(e->link.up, 1);
	} else if (e->type == EVENT_SUSPECT) {
		put(e->suspect.node, 1);
		put(e->suspect.suspect, 1);
	} else if (e->type == EVENT_ISOLATION) {
		put(e->isolation.isolated, 1);
	} else if (e->type == EVENT_SA_REPORTS) {
		const struct sa_report *r = e->sa_reports.reports;

		put(r->kind, 1);
		put(r->spi_in, 4);
		put((uint64_t)r->epoch, 1);
		put(r->seq, 4);
		put(r->remote.port, 2);
	}
}

static void recorded_step(struct core *core, const struct event *event, struct actions *actions)
{
	if (record && core == story.node[self].core)
		put_event(event);
	cluster_step(core, event, actions);
}

static void report(enum sa_report_kind kind, uint64_t more)
{
	const struct sad_entry *e = story_entry(&story, self);
	struct sa_report r = {.kind = kind, .spi_in = e->child.spi_in, .epoch = e->epoch,
			      .session = e->session, .seq = e->next + more, .remote.port = 4501};
	struct event event = {.type = EVENT_SA_REPORTS, .sa_reports = {.reports = &r, .n = 1}};

	story_event(&story, self, &event);
}

static void begin(uint32_t who)
{
	self = who % STORY_NODES;
	story_init(&story, STORY_NODES);
	for (uint32_t i = 0; i < STORY_NODES; i++)
		story.config[i].ike.connections->exact = who / STORY_NODES % 2;
}

/* What the owner's workers say of an exact SA while it carries packets. */
static void carry(void)
{
	const struct sad_entry *e = story_owned(&story);
	uint32_t owner = story_holder(&story);

	for (uint64_t seq = 10; e && seq < 200; seq += 60) {
		story_report(&story, owner, e, SA_REPORT_MARK, seq);
		story_run(&story, 15);
	}
	if (e)
		story_report(&story, owner, e, SA_REPORT_BELOW_HORIZON, 1);
	story_run(&story, 30);
}

static unsigned happened(void)
{
	unsigned n = 0;

	for (unsigned i = 0; story.happened[i].kind; i++)
		n += story.happened[i].node == self ? story.happened[i].n : 0;
	return n;
}

/* Lived again, as much must happen: else a record has gone stale, and says nothing. */
static void check_record(const char *path, unsigned n)
{
	static uint8_t life[65536];
	FILE *f = fopen(path, "rb");
	size_t len;

	assert(f);
	len = fread(life, 1, sizeof(life), f);
	fclose(f);
	LLVMFuzzerTestOneInput(life, len);
	if (happened() != n) {
		fprintf(stderr, "%s: %u events, not %u\n", path, happened(), n);
		exit(1);
	}
}

/* A story as node `node` sees it, from its first start on. */
static void tell(const char *dir, uint32_t node, const char *name, bool others_die, bool exact)
{
	char path[512];
	uint32_t first_draw;
	unsigned n;

	begin(node + (exact ? STORY_NODES : 0));
	snprintf(path, sizeof(path), "%s/%s_%u", dir, name, node + 1);
	recorded_us = story.now_us;
	first_draw = story.draws + 1;
	story_start(&story, self);
	record = fopen(path, "wb");
	assert(record);
	put(node + (exact ? STORY_NODES : 0), 1);
	put(first_draw, 2); /* Its incarnation. */
	for (uint32_t i = 0; i < STORY_NODES; i++)
		if (i != self)
			story_start(&story, i);
	story_run(&story, 1100);
	story_client_connect(&story);
	story_client_send(&story, initiator_create_dpd(&story.client));
	if (story_entry(&story, self)->granted) {
		report(SA_REPORT_FIRST_IN, 0);
		report(SA_REPORT_MARK, 20);
		report(SA_REPORT_PEER, 0);
		report(SA_REPORT_LEASE_LOW, 0);
	}
	if (exact)
		carry();
	story_run(&story, 60);
	if (others_die) {
		uint32_t lost = story_holder(&story) != self ? story_holder(&story)
							     : story_leader(&story);

		story_lose(&story, lost == self ? (self + 1) % STORY_NODES : lost);
		story_run(&story, 150);
		story_client_listen(&story);
		if (exact)
			carry();
	}
	fclose(record);
	record = NULL;
	n = happened();
	story_fini(&story);
	check_record(path, n);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	if (*argc == 3 && strcmp((*argv)[1], "--record") == 0) {
		for (uint32_t node = 0; node < STORY_NODES; node++) {
			tell((*argv)[2], node, "serves", false, false);
			tell((*argv)[2], node, "survives", true, false);
			tell((*argv)[2], node, "exact_serves", false, true);
			tell((*argv)[2], node, "exact_survives", true, true);
		}
		exit(0);
	}
	return 0;
}

#include "test/fuzz/lives.h" /* Mutating one, by events. */

/* ---- Living one ---- */

/* What was sent is thrown away; the oldest order to the disk is what `stored` may confirm. */
static bool stored(struct event *e, bool take)
{
	struct story_frame **at = &story.first;
	bool found = false;

	while (*at) {
		struct story_frame *f = *at;

		if (!f->data && (!take || found || (f->stored == 0) != (e->type == EVENT_IDENTITY_STORED))) {
			at = &f->next;
			continue;
		}
		if (!f->data) {
			e->stored.seq = f->stored;
			found = true;
		}
		*at = f->next;
		blob_unref(f->data);
		free(f);
	}
	story.last = at;
	return found;
}

static void live(struct life_event *l)
{
	struct story_node *n = &story.node[self];

	if (l->e.type == EVENT_STORED || l->e.type == EVENT_IDENTITY_STORED) {
		if (!stored(&l->e, true))
			return;
	}
	story.draws = l->seed - 1u;
	step(&story, self, &l->e);
	stored(&l->e, false);
	while (story.n_to_client)
		blob_unref(story.to_client[--story.n_to_client]);
	assert(!n->core || n->exited >= 0 || core_deadline_us(n->core) >= story.now_us);
}

static void check_state(const struct state *s)
{
	struct blob *b = state_encode(s);
	struct state *again = state_decode(b->data, b->len);

	assert(again);
	state_free(again);
	blob_unref(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct life_event l;
	uint8_t who;
	uint16_t draws;
	CBS in;

	CBS_init(&in, data, len);
	if (!CBS_get_u8(&in, &who) || !CBS_get_u16(&in, &draws))
		return 0;
	begin(who);
	story.draws = draws - 1u;
	story_start(&story, self);
	while (story.node[self].core && story.node[self].exited < 0 && read_event(&in, &l))
		live(&l);
	if (story.node[self].core)
		check_state(core_state(story.node[self].core));
	story_fini(&story);
	return 0;
}
