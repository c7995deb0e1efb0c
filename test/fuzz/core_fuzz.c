/* SPDX-License-Identifier: Apache-2.0 */
/* One node of three, whole: the input is its life, event by event, as struct life_event has it:
 * datagrams from anybody, and frames from nodes that have gone wrong. Its disk and its packet
 * workers are those of test/lib/story.c, which asserts that what it orders is possible. The first
 * octet says which node of three; from three on the SAs are exact, so marks are acknowledged, and
 * horizons are kept. What must hold, too: an operator gets at most one answer, and an unfit node is
 * not ready. The seeds are what a node saw in real stories: core_fuzz --record DIR */
#include "cluster/core/core.h"

static void recorded_step(struct core *core, const struct event *event, struct actions *actions);
#define cluster_step recorded_step
#include "test/lib/story.c" /* With each step seen. */
#undef cluster_step

#include <openssl/bytestring.h>

#define NODES 3u

/* runs: 150 */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* kind | milliseconds since the last one (2) | number of the seed (2) | then by kind:
 * DATAGRAM and FRAME: from (1), length (2), octets; LINK and SUSPECT: node (1), is (1);
 * ISOLATION and FITNESS: is (1); SA_REPORTS: kind (1), SPI (4), epoch (1), number (4), port (2);
 * CONTROL: verb (1), session (1; 0: the first there is), identity (1; 0: the client's);
 * POLICY: what is changed of what the nodes began with (1) */
#define KINDS (EVENT_CONTROL + 2u) /* The last one: POLICY. */
struct life_event {
	struct event e;
	uint16_t seed;
	uint8_t policy;
	uint32_t from;
	CBS data;
};

static struct story story;
static uint32_t self;
static unsigned asked; /* By an operator. */
static bool unfit;
static FILE *record; /* Of node `self`, while a story is told. */
static uint64_t recorded_us;

/* ---- Reading a life ---- */

static uint64_t first_session(void)
{
	const struct core *core = story.node[self].core;
	const struct session *s = core ? state_next_session(core_state(core), 0) : NULL;

	return s ? s->id : 0;
}

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
	l->e.frame.node = from % NODES;
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
	r.kind = (enum sa_report_kind)(kind % (SA_REPORT_FORM + 1));
	r.epoch = epoch;
	r.seq = seq;
	r.remote.address = address_ipv4(0x0a4f0033);
	l->e.sa_reports.reports = &r;
	l->e.sa_reports.n = 1;
	return true;
}

static bool read_control(CBS *in, struct life_event *l)
{
	static struct control_request r;
	uint8_t verb, session, who;

	if (!CBS_get_u8(in, &verb) || !CBS_get_u8(in, &session) || !CBS_get_u8(in, &who))
		return false;
	memset(&r, 0, sizeof(r));
	r.verb = (enum control_verb)(CONTROL_END + verb % CONTROL_PRUNE_YES);
	r.from = 1;
	r.session = session ? session : first_session();
	/* The client of every story; lives.h cuts inputs when theirs is over. */
	if (ike_id_parse(&r.id, "cl") != OK)
		abort();
	if (who) /* Another one. */
		r.id.data[r.id.len - 1] ^= who;
	l->e.control = &r;
	return true;
}

/* Bit 0: nobody has a secret; bit 1: the connection is called otherwise; all: the hash. */
static struct cluster_policy *policy_of(uint8_t what)
{
	struct cluster_policy *p = story_policy_copy(&story, (self + 1) % NODES, what);

	p->ike.n_secrets *= !(what & 1);
	p->ike.connections->name[0] ^= what >> 1 & 1;
	return p;
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
	l->e.type = kind % KINDS == KINDS - 1 ? EVENT_POLICY : (enum event_type)(kind % KINDS);
	switch (l->e.type) {
	case EVENT_DATAGRAM:
		return read_datagram(in, l);
	case EVENT_FRAME:
		return read_frame(in, l);
	case EVENT_LINK:
	case EVENT_SUSPECT:
		if (!CBS_get_u8(in, &node) || !CBS_get_u8(in, &is))
			return false;
		l->e.suspect.node = l->e.link.node = node % NODES;
		l->e.suspect.suspect = l->e.link.up = is & 1;
		if (l->e.type == EVENT_SUSPECT)
			l->e.suspect.silent_us = 30000;
		return node % NODES != self;
	case EVENT_ISOLATION:
	case EVENT_FITNESS:
		if (!CBS_get_u8(in, &is))
			return false;
		if (l->e.type == EVENT_FITNESS)
			l->e.fitness.fit = is & 1;
		else
			l->e.isolation.isolated = is & 1;
		return true;
	case EVENT_CONTROL:
		return read_control(in, l);
	case EVENT_POLICY:
		return CBS_get_u8(in, &l->policy);
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
	put(e->type == EVENT_POLICY ? KINDS - 1 : e->type, 1);
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
	} else if (e->type == EVENT_FITNESS) {
		put(e->fitness.fit, 1);
	} else if (e->type == EVENT_CONTROL) {
		put((uint64_t)(e->control->verb - CONTROL_END), 1);
		put(0, 2);
	} else if (e->type == EVENT_POLICY) {
		put(e->policy->hash, 1);
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
	self = who % NODES;
	story_init(&story, NODES);
	for (uint32_t i = 0; i < NODES; i++)
		story.config[i].policy->ike.connections->exact = who / NODES % 2;
}

/* Reports of the owner's workers about an exact SA while it carries packets. */
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

/* On replay as much must happen, else the record is stale and tests nothing. */
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

enum { OTHERS_DIE = 1, EXACT = 2, RULED = 4 }; /* Of a story. */

/* It is unfit for a while; then an operator gives all orders about the client, which comes back
 * where it may. */
static void rule(void)
{
	struct event e = {.type = EVENT_FITNESS};

	story_event(&story, self, &e);
	story_run(&story, 200);
	story_client_listen(&story);
	e.fitness.fit = true;
	story_event(&story, self, &e);
	story_run(&story, 200);
	for (enum control_verb v = CONTROL_END; v <= CONTROL_PRUNE_YES; v++) {
		story_control(&story, self, v, first_session(), "cl");
		story_run(&story, 50);
		story_client_listen(&story);
		if (v == CONTROL_ALLOW || v < CONTROL_REVOKE) {
			story_client_new(&story);
			story_client_connect(&story);
		}
	}
	for (uint8_t what = 8; what-- > 4;) {
		e = (struct event){.type = EVENT_POLICY, .policy = policy_of(what)};
		story_event(&story, self, &e);
		cluster_policy_unref(e.policy);
		story_run(&story, 50);
		story_client_listen(&story);
	}
}

/* Lived by all nodes, once they have a client. */
static void go_on(unsigned what)
{
	if (story_entry(&story, self)->granted) {
		report(SA_REPORT_FIRST_IN, 0);
		report(SA_REPORT_MARK, 20);
		report(SA_REPORT_PEER, 0);
		report(SA_REPORT_LEASE_LOW, 0);
	}
	if (what & EXACT)
		carry();
	story_run(&story, 60);
	if (what & OTHERS_DIE) {
		uint32_t lost = story_holder(&story) != self ? story_holder(&story)
							     : story_leader(&story);

		story_lose(&story, lost == self ? (self + 1) % NODES : lost);
		story_run(&story, 150);
		story_client_listen(&story);
		if (what & EXACT)
			carry();
	}
	if (what & RULED)
		rule();
}

/* A story as node `node` sees it, from its first start on. */
static void tell(const char *dir, uint32_t node, const char *name, unsigned what)
{
	uint32_t who = node + (what & EXACT ? NODES : 0), first_draw;
	char path[512];
	unsigned n;

	begin(who);
	snprintf(path, sizeof(path), "%s/%s_%u", dir, name, node + 1);
	recorded_us = story.now_us;
	first_draw = story.draws + 1;
	story_start(&story, self);
	record = fopen(path, "wb");
	assert(record);
	put(who, 1);
	put(first_draw, 2); /* Its incarnation. */
	for (uint32_t i = 0; i < NODES; i++)
		if (i != self)
			story_start(&story, i);
	story_run(&story, 1100);
	story_client_connect(&story);
	story_client_send(&story, initiator_create_dpd(&story.client));
	go_on(what);
	fclose(record);
	record = NULL;
	n = happened();
	story_fini(&story);
	check_record(path, n);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct {
		const char *name;
		unsigned what;
	} stories[] = {{"serves", 0},
		       {"survives", OTHERS_DIE},
		       {"exact_serves", EXACT},
		       {"exact_survives", EXACT | OTHERS_DIE},
		       {"ruled", RULED}};

	if (*argc == 3 && strcmp((*argv)[1], "--record") == 0) {
		for (uint32_t node = 0; node < NODES; node++)
			for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++)
				tell((*argv)[2], node, stories[i].name, stories[i].what);
		exit(0);
	}
	return 0;
}

#include "test/fuzz/lives.h" /* Mutating one, by events. */

/* ---- Living one ---- */

/* Drops sent frames; `stored` may confirm the oldest order to the disk. */
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

static void check_told(const struct story_node *n, const struct event *e)
{
	struct core_status status;

	asked += e->type == EVENT_CONTROL;
	assert(story.answer.n <= asked);
	unfit = e->type == EVENT_FITNESS ? !e->fitness.fit : unfit;
	if (!n->core || n->exited >= 0 || !unfit)
		return;
	core_status(n->core, &status);
	assert(!status.ready);
}

static void live(struct life_event *l)
{
	struct story_node *n = &story.node[self];

	if (l->e.type == EVENT_STORED || l->e.type == EVENT_IDENTITY_STORED) {
		if (!stored(&l->e, true))
			return;
	}
	story.draws = l->seed - 1u;
	if (l->e.type == EVENT_POLICY)
		l->e.policy = policy_of(l->policy);
	step(&story, self, &l->e);
	if (l->e.type == EVENT_POLICY)
		cluster_policy_unref(l->e.policy);
	stored(&l->e, false);
	check_told(n, &l->e);
	while (story.n_to_client)
		blob_unref(story.to_client[--story.n_to_client]);
	assert(!n->core || n->exited >= 0 || core_deadline_us(n->core) >= story.now_us);
}

static void check_state(const struct state *s)
{
	struct blob *b = state_encode(s);
	struct state *again = state_decode(b->data, b->len, UINT8_MAX);

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
	asked = 0;
	unfit = false;
	story.draws = draws - 1u;
	story_start(&story, self);
	while (story.node[self].core && story.node[self].exited < 0 && read_event(&in, &l))
		live(&l);
	if (story.node[self].core)
		check_state(core_state(story.node[self].core));
	story_fini(&story);
	return 0;
}
