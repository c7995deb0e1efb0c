/* SPDX-License-Identifier: Apache-2.0 */
/* IKE messages of established and of emerging sessions (DESIGN section 4).
 *
 * A *lane* is the line in which one session's messages wait. The message at its
 * head may have a command in the log; the others wait, at most LANE_ROOM of them. When
 * the command was applied, or refused, the message at the head is simply handled
 * once more: if its command stood, the state holds the reply now and the message
 * is a retransmission like any other, answered from the replicated bytes; if it
 * was refused, the message is executed on the new state. So there is one path by
 * which replies leave, and it starts from committed state.
 *
 *   datagram -> header -> (no leader: keep) -> (not leader: relay) -> lane
 *     -> ike_respond() -> command -> log -> applied -> again -> cached reply -> out
 *
 * A reply that makes an SA also waits until the session's owner has applied it,
 * 50 ms at most: the client's first packet shall find it. */
#include "cluster/core_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LANE_ROOM 5u
#define LANES_MAX 20000u
#define OWNER_WAIT_US (50 * MS)

struct letter {
	struct endpoint local, remote;
	uint32_t via;
	struct blob *data;
};

struct lane_key {
	uint64_t a, b; /* (session id, 0), or the SPI pair of a half-open SA */
};

struct lane {
	struct lane_key key;
	struct letter letter[LANE_ROOM];
	unsigned n;
	bool busy;              /* A command of this session is on its way. */
	bool own;               /* ... it is a request of our own, not the letter at the head. */
	bool answered;          /* ... it is a response to us: nothing to send afterwards. */
	bool makes_sa;
	const char *what;       /* ... for the log and for tests that stop a leader just here. */
	struct blob *last_word; /* ... it ends the session: this is the reply. */
	uint64_t wait_index, wait_until_us; /* For the owner to have applied it. */
	uint64_t wait_owner;
	UT_hash_handle hh;
};

static void letter_fini(struct letter *l)
{
	blob_unref(l->data);
	memset(l, 0, sizeof(*l));
}

void exchange_send(struct core *c, uint32_t via, const struct endpoint *local,
		   const struct endpoint *remote, struct blob *data)
{
	struct frame f = { .type = FRAME_SEND };

	if (!data)
		return;
	if (via == NODE_NONE || via == c->config->self || !c->peer[via].linked) {
		action_send_datagram(c->actions, local, remote, blob_ref(data));
		return;
	}
	f.datagram.local = *local;
	f.datagram.remote = *remote;
	f.datagram.data = data->data;
	f.datagram.len = data->len;
	core_send(c, via, &f);
}

/* ---- Lanes ---- */

static struct lane *lane_find(struct core *c, uint64_t a, uint64_t b)
{
	struct lane_key k = { a, b };
	struct lane *l;

	HASH_FIND(hh, c->exchange.lanes, &k, sizeof(k), l);
	return l;
}

static struct lane *lane_get(struct core *c, uint64_t a, uint64_t b)
{
	struct lane *l = lane_find(c, a, b);

	if (l || c->exchange.n_lanes >= LANES_MAX)
		return l;
	l = calloc(1, sizeof(*l));
	assert(l);
	l->key = (struct lane_key){ a, b };
	l->wait_until_us = NEVER;
	HASH_ADD(hh, c->exchange.lanes, key, sizeof(l->key), l);
	c->exchange.n_lanes++;
	return l;
}

static void lane_pop(struct lane *l)
{
	assert(l->n > 0);
	letter_fini(&l->letter[0]);
	l->n--;
	memmove(&l->letter[0], &l->letter[1], l->n * sizeof(l->letter[0]));
}

static void lane_free(struct core *c, struct lane *l)
{
	while (l->n)
		lane_pop(l);
	blob_unref(l->last_word);
	HASH_DEL(c->exchange.lanes, l);
	c->exchange.n_lanes--;
	free(l);
}

bool exchange_reserve(struct core *c, uint64_t session)
{
	struct lane *l = lane_get(c, session, 0);

	if (!l || l->busy || l->n > 0)
		return false;
	l->busy = l->own = true;
	return true;
}

/* ---- Handling the letter at the head ---- */

/* Has next a Child SA or an IKE SA that the session does not have yet? */
static bool makes_sa(const struct session *s, const struct ike_session *next)
{
	struct ike_session *now = (struct ike_session *)&s->ike; /* Only looked into. */

	for (unsigned i = 0; i < next->n_child; i++)
		if (!ike_session_find_child(now, next->child[i].spi_in))
			return true;
	return false;
}

static void note_proposal(struct core *c, struct lane *l, const char *what)
{
	l->busy = true;
	l->what = what;
	action_event(c->actions, "propose", "%s", what);
}

static void propose_put(struct core *c, struct lane *l, struct ike_outcome *out)
{
	struct command put = { .type = COMMAND_SESSION_PUT };
	struct session_put *p = &put.session_put;
	const struct session *old;
	uint64_t after = 0;

	if (state_sessions(c->state) >= c->config->sessions_max) {
		core_drop(c, DROP_QUEUE_FULL);
		lane_pop(l);
		return;
	}
	while ((out->next->features & IKE_INITIAL_CONTACT) && p->n_supersedes < COMMAND_SUPERSEDES_MAX &&
	       (old = state_next_session_of(c->state, &out->next->peer_id, after))) {
		after = old->id;
		p->supersedes[p->n_supersedes++] = old->id;
	}
	p->ike = *out->next;
	free(out->next);
	out->next = NULL;
	p->slot = entropy_u32(&c->entropy) % STATE_SLOTS;
	p->lease = c->config->lease;
	l->makes_sa = true;
	note_proposal(c, l, "IKE_AUTH");
	proposals_add(c, URGENT_HANDSHAKE, &put);
}

static void propose_step(struct core *c, struct lane *l, const struct session *s, struct ike_outcome *out)
{
	struct command step = { .type = COMMAND_SESSION_STEP };
	struct session_step *p = &step.session_step;

	p->session = s->id;
	p->serial = s->serial;
	p->lease = c->config->lease;
	p->acknowledged = out->answered && out->answered_purpose == IKE_PURPOSE_NOTICE;
	p->epoch = s->noticed_epoch;
	l->answered = out->answered;
	l->makes_sa = makes_sa(s, out->next);
	note_proposal(c, l,
		      s->ike.ike[0].spi_r != out->next->ike[0].spi_r ? "IKE rekey"
		      : l->makes_sa				      ? "Child SA"
		      : out->answered				      ? "response"
								      : "INFORMATIONAL");
	p->ike = *out->next;
	free(out->next);
	out->next = NULL;
	proposals_add(c, URGENT_REQUEST, &step);
}

static void propose_del(struct core *c, struct lane *l, const struct session *s, struct ike_outcome *out)
{
	struct command del = { .type = COMMAND_SESSION_DEL };

	del.session_del = (struct session_del){ s->id, s->serial };
	note_proposal(c, l, "DELETE");
	blob_set(&l->last_word, blob_ref(out->reply));
	proposals_add(c, URGENT_REQUEST, &del);
}

static void to_lane(struct core *c, const struct ike_header *h, const struct letter *letter);

/* Handles the head; afterwards it is gone, or its command is on its way. */
static void handle(struct core *c, struct lane *l)
{
	struct letter *t = &l->letter[0];
	struct ike_env env = exchange_env(c);
	const struct ike_half_open *half_open;
	const struct session *s;
	struct ike_outcome out;
	struct ike_header h;

	if (ike_header_parse(&h, t->data->data, t->data->len) != DROP_NONE) {
		lane_pop(l);
		return;
	}
	s = state_session_by_ike(c->state, h.spi_i, h.spi_r);
	if (s && l->key.b != 0 && h.exchange != IKE_EXCHANGE_AUTH) {
		to_lane(c, &h, t); /* It was half-open when this came: now the session has a lane. */
		lane_pop(l);
		return;
	}
	half_open = s ? NULL : half_open_find(c, h.spi_i, h.spi_r);
	if (s) {
		ike_respond(&env, &s->ike, &t->local, &t->remote, t->data->data, t->data->len, &out);
	} else if (half_open && !state_tombstone(c->state, h.spi_i, h.spi_r)) {
		ike_respond_auth(&env, half_open, &t->local, &t->remote, t->data->data, t->data->len,
				 &out);
	} else {
		core_drop(c, half_open ? DROP_IKE_TOMBSTONE : DROP_IKE_UNKNOWN);
		lane_pop(l);
		return;
	}
	if (out.note[0] && out.verdict != IKE_VERDICT_REPLY && out.verdict != IKE_VERDICT_DROP)
		action_event(c->actions, out.verdict == IKE_VERDICT_REFUSE ? "refused" : "ike", "%s",
			     out.note);
	switch (out.verdict) {
	case IKE_VERDICT_DROP:
		core_drop(c, out.drop);
		lane_pop(l);
		break;
	case IKE_VERDICT_REFUSE:
		half_open_forget(c, h.spi_i, h.spi_r);
		/* fall through */
	case IKE_VERDICT_REPLY:
		exchange_send(c, t->via, &t->local, &t->remote, out.reply);
		if (s)
			requests_alive(c, s);
		lane_pop(l);
		break;
	case IKE_VERDICT_ESTABLISH:
		propose_put(c, l, &out);
		break;
	case IKE_VERDICT_STEP:
		propose_step(c, l, s, &out);
		break;
	case IKE_VERDICT_DELETE:
		propose_del(c, l, s, &out);
		break;
	case IKE_VERDICT_HALF_OPEN:
		lane_pop(l);
		break;
	}
	ike_outcome_fini(&out);
}

static void lane_run(struct core *c, struct lane *l)
{
	while (l->n > 0 && !l->busy && l->wait_until_us == NEVER)
		handle(c, l);
	if (l->n == 0 && !l->busy)
		lane_free(c, l);
}

/* ---- After the commit ---- */

static bool owner_has_applied(const struct core *c, const struct lane *l)
{
	uint32_t owner = core_node_index(c, l->wait_owner);

	return owner == NODE_NONE || owner == c->config->self || !core_node_linked(c, owner) ||
	       c->peer[owner].applied >= l->wait_index;
}

static void wait_for_owner(struct core *c, struct lane *l, const struct session *s)
{
	l->makes_sa = false;
	l->wait_index = core_applied(c);
	l->wait_owner = session_slot(c->state, s)->node;
	if (owner_has_applied(c, l))
		return;
	l->wait_until_us = c->now_us + OWNER_WAIT_US;
	if (l->wait_until_us < c->exchange.next_us)
		c->exchange.next_us = l->wait_until_us;
}

void exchange_owner_applied(struct core *c)
{
	struct lane *l, *tmp;

	if (c->exchange.next_us == NEVER)
		return;
again:
	HASH_ITER(hh, c->exchange.lanes, l, tmp)
	{
		if (l->wait_until_us == NEVER ||
		    (c->now_us < l->wait_until_us && !owner_has_applied(c, l)))
			continue;
		l->wait_until_us = NEVER;
		lane_run(c, l); /* May free any lane: begin anew. */
		goto again;
	}
}

static void lane_done(struct core *c, struct lane *l, const struct follow_session *f)
{
	const struct session *s = state_session(c->state, f->session);
	bool answered = l->answered && f->status == OK, own = l->own;
	struct blob *last_word = l->last_word;

	if (l->what)
		action_event(c->actions, "commit", "%s", l->what);
	l->busy = l->own = l->answered = false;
	l->what = NULL;
	l->last_word = NULL;
	if (f->deleted) {
		if (last_word && l->n)
			exchange_send(c, l->letter[0].via, &l->letter[0].local,
				      &l->letter[0].remote, last_word);
		blob_unref(last_word);
		lane_free(c, l);
		return;
	}
	blob_unref(last_word);
	if (!own && answered && l->n)
		lane_pop(l);
	if (l->makes_sa && f->status == OK && s)
		wait_for_owner(c, l, s);
	l->makes_sa = false;
	lane_run(c, l);
}

void exchange_applied(struct core *c, const struct follow_session *f)
{
	const struct session *s = state_session(c->state, f->session);
	struct lane *l;

	if (f->spi_r && (l = lane_find(c, f->spi_i, f->spi_r)) && l->busy) {
		if (s && f->status == OK && l->makes_sa) {
			char id[160], ip[ADDRESS_TEXT_LEN];

			action_event(c->actions, "session_up", "%s from connection %s, virtual IP %s",
				     ike_id_format(&s->ike.peer_id, id, sizeof(id)), s->ike.connection,
				     address_format(&s->ike.virtual_ip, ip));
		}
		lane_done(c, l, f);
	}
	if (f->session && (l = lane_find(c, f->session, 0)) && l->busy)
		lane_done(c, l, f);
	if (f->deleted && core_leads(c))
		action_event(c->actions, "session_down", "session %llu is gone",
			     (unsigned long long)f->session);
}

/* ---- Datagrams ---- */

static void to_lane(struct core *c, const struct ike_header *h, const struct letter *letter)
{
	const struct session *s = state_session_by_ike(c->state, h->spi_i, h->spi_r);
	struct lane *l;

	if (!s && !half_open_find(c, h->spi_i, h->spi_r)) {
		core_drop(c, DROP_IKE_UNKNOWN);
		return;
	}
	l = s ? lane_get(c, s->id, 0) : lane_get(c, h->spi_i, h->spi_r);
	if (!l || l->n == LANE_ROOM) {
		core_drop(c, DROP_IKE_BUSY);
		return;
	}
	l->letter[l->n] = *letter;
	blob_ref(l->letter[l->n++].data);
	lane_run(c, l);
}

void exchange_datagram(struct core *c, uint32_t via, const struct endpoint *local,
		       const struct endpoint *remote, const uint8_t *data, size_t len)
{
	uint32_t leader = core_leader_index(c);
	struct letter letter = { *local, *remote, via, NULL };
	struct ike_header h;
	enum drop d = ike_header_parse(&h, data, len);

	if (d == DROP_NONE && h.spi_i == 0)
		d = DROP_IKE_HEADER;
	if (d != DROP_NONE) {
		core_drop(c, d);
		return;
	}
	if (!core_leads(c)) {
		if (relay_possible(c, leader))
			relay_forward(c, leader, local, remote, data, len);
		else
			relay_keep(c, &h, local, remote, data, len);
		return;
	}
	if (h.spi_r == 0) {
		half_open_request(c, via, local, remote, data, len);
		return;
	}
	letter.data = blob_new(data, len);
	to_lane(c, &h, &letter);
	blob_unref(letter.data);
}

/* Who no longer leads has nothing on its way: clients repeat to the next leader. */
void exchange_role(struct core *c)
{
	struct lane *l, *tmp;

	if (!core_leads(c))
		HASH_ITER(hh, c->exchange.lanes, l, tmp)
			lane_free(c, l);
	relay_release(c);
}

void exchange_tick(struct core *c)
{
	struct lane *l, *tmp;
	uint64_t next = NEVER;

	relay_release(c);
	if (c->now_us < c->exchange.next_us)
		return;
	exchange_owner_applied(c);
	HASH_ITER(hh, c->exchange.lanes, l, tmp)
		if (l->wait_until_us < next)
			next = l->wait_until_us;
	c->exchange.next_us = next;
}

void exchange_fini(struct core *c)
{
	struct lane *l, *tmp;

	HASH_ITER(hh, c->exchange.lanes, l, tmp)
		lane_free(c, l);
}
