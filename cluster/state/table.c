/* SPDX-License-Identifier: Apache-2.0 */
/* The table of sessions: by id in ascending order, by the SPI pair of each of its IKE SAs, by the
 * inbound SPI of each Child SA, by virtual IP, by peer identity. Each entry contains its own index
 * nodes, so a session is one allocation, and inserting or removing one touches a dozen hash buckets
 * however many sessions there are. */
#include "cluster/state/horizon.h"
#include "cluster/state/state_internal.h"
#include "proto/ike/ike_config.h"
#include "proto/mutant.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define LIST_COMPACT_FROM 64u

/* ---- Ascending by id ---- */

/* The first place whose id is greater. */
static size_t list_after(const struct session_list *l, uint64_t id)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (l->item[middle].id > id)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static void list_append(struct session_list *l, struct session_entry *e)
{
	assert(l->n == 0 || l->item[l->n - 1].id < e->s.id);
	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : LIST_COMPACT_FROM;
		l->item = realloc(l->item, l->room * sizeof(*l->item));
		assert(l->item);
	}
	l->item[l->n++] = (struct session_item){e->s.id, e};
}

static void list_remove(struct session_list *l, uint64_t id)
{
	size_t i = list_after(l, id), kept = 0;

	assert(i > 0 && l->item[i - 1].id == id && l->item[i - 1].entry);
	l->item[i - 1].entry = NULL;
	l->holes++;
	if (l->n < LIST_COMPACT_FROM || 2 * l->holes < l->n)
		return;
	for (i = 0; i < l->n; i++)
		if (l->item[i].entry)
			l->item[kept++] = l->item[i];
	assert(kept == l->n - l->holes);
	l->n = kept;
	l->holes = 0;
}

struct session_entry *session_entry_of(struct session *s)
{
	return (struct session_entry *)((uint8_t *)s - offsetof(struct session_entry, s));
}

struct session_entry *session_find(const struct state *s, uint64_t id)
{
	size_t i = list_after(&s->list, id);

	return i > 0 && s->list.item[i - 1].id == id ? s->list.item[i - 1].entry : NULL;
}

/* ---- By client, and by name ---- */

/* No client's realm is 0, so that lists of names can stand in the same table. */
static struct peer_key peer_key(struct ike_client client)
{
	struct peer_key key;

	memset(&key, 0, sizeof(key));
	key.realm = client.realm;
	key.id = ike_id_key(client.id);
	return key;
}

static struct peer_sessions *peer_find(const struct state *s, struct ike_client client)
{
	struct peer_key key = peer_key(client);
	struct peer_sessions *p;

	HASH_FIND(hh, s->peers, &key, sizeof(key), p);
	return p;
}

struct session_entry *session_last_of(const struct state *s, struct ike_client client)
{
	const struct peer_sessions *p = peer_find(s, client);

	return p ? p->last : NULL;
}

static void list_join(struct state *s, struct session_entry *e, unsigned list, struct ike_client client)
{
	struct peer_link *link = &e->peer[list];
	struct peer_sessions *p = peer_find(s, client);
	struct session_entry *before;

	if (!p) {
		p = calloc(1, sizeof(*p));
		assert(p);
		p->key = peer_key(client);
		HASH_ADD(hh, s->peers, key, sizeof(p->key), p);
	}
	/* Nearly always the newest session, and then the last. */
	before = p->last;
	while (before && before->s.id > e->s.id)
		before = before->peer[list].previous;
	link->of = p;
	link->previous = before;
	link->next = before ? before->peer[list].next : p->first;
	*(before ? &before->peer[list].next : &p->first) = e;
	*(link->next ? &link->next->peer[list].previous : &p->last) = e;
}

static void list_leave(struct state *s, struct session_entry *e, unsigned list)
{
	struct peer_link *link = &e->peer[list];
	struct peer_sessions *p = link->of;

	*(link->previous ? &link->previous->peer[list].next : &p->first) = link->next;
	*(link->next ? &link->next->peer[list].previous : &p->last) = link->previous;
	link->of = NULL;
	if (p->first)
		return;
	HASH_DEL(s->peers, p);
	free(p);
}

static void peer_join(struct state *s, struct session_entry *e)
{
	list_join(s, e, PEER_CLIENT, ike_session_client(&e->s.ike));
	list_join(s, e, PEER_NAMED, (struct ike_client){&e->s.ike.peer_id, 0});
}

static void peer_leave(struct state *s, struct session_entry *e)
{
	list_leave(s, e, PEER_CLIENT);
	list_leave(s, e, PEER_NAMED);
}

/* ---- By SPIs ---- */

struct pair_index *session_find_pair(const struct state *s, uint64_t spi_i, uint64_t spi_r)
{
	const uint64_t pair[2] = {spi_i, spi_r};
	struct pair_index *x;

	HASH_FIND(hh, s->by_pair, pair, sizeof(pair), x);
	return x;
}

struct child_index *session_find_spi(const struct state *s, uint32_t spi_in)
{
	return (struct child_index *)spi_index_find(&s->by_spi, spi_in);
}

static size_t count_exact(const struct session_entry *e)
{
	size_t n = 0;

	for (unsigned i = 0; i < e->s.ike.n_child; i++)
		n += horizon_exact(&e->s.seq[i]);
	return n;
}

static void spis_add(struct state *s, struct session_entry *e)
{
	for (unsigned i = 0; i < IKE_SA_MAX; i++) {
		struct pair_index *x = &e->by_pair[i];

		if (e->s.ike.ike[i].state == 0)
			continue;
		x->pair[0] = e->s.ike.ike[i].spi_i;
		x->pair[1] = e->s.ike.ike[i].spi_r;
		x->entry = e;
		HASH_ADD(hh, s->by_pair, pair, sizeof(x->pair), x);
	}
	for (unsigned i = 0; i < e->s.ike.n_child; i++) {
		e->by_spi[i].entry = e;
		spi_index_add(&s->by_spi, &e->by_spi[i].key, e->s.ike.child[i].spi_in);
	}
	s->n_child += e->s.ike.n_child;
	s->n_places += ike_session_places(&e->s.ike);
	s->n_exact += count_exact(e);
}

static void spis_remove(struct state *s, struct session_entry *e)
{
	for (unsigned i = 0; i < IKE_SA_MAX; i++)
		if (e->by_pair[i].entry) {
			HASH_DEL(s->by_pair, &e->by_pair[i]);
			e->by_pair[i].entry = NULL;
		}
	for (unsigned i = 0; i < e->s.ike.n_child; i++)
		spi_index_remove(&s->by_spi, &e->by_spi[i].key);
	s->n_child -= e->s.ike.n_child;
	s->n_places -= ike_session_places(&e->s.ike);
	s->n_exact -= count_exact(e);
}

/* ---- Changes ---- */

enum status session_check(const struct ike_session *ike)
{
	const struct ike_sa *a = &ike->ike[0], *b = &ike->ike[1];

	if (a->state == 0 || ike->n_child > IKE_CHILD_MAX || ike->peer_id.len > IKE_ID_MAX || ike->realm == 0 ||
	    !ike_session_is_brief(ike))
		return ERR_MALFORMED;
	if ((ike->features & IKE_ENDS) && ike->n_child > 0)
		return ERR_MALFORMED;
	if (b->state != 0 && a->spi_i == b->spi_i && a->spi_r == b->spi_r)
		return ERR_MALFORMED;
	for (unsigned i = 0; i < ike->n_child; i++) {
		if (ike->child[i].spi_in == 0)
			return ERR_MALFORMED;
		for (unsigned k = 0; k < i; k++)
			if (ike->child[k].spi_in == ike->child[i].spi_in)
				return ERR_EXISTS;
	}
	return OK;
}

enum status session_insert(struct state *s, struct session_entry *e)
{
	enum status status = session_check(&e->s.ike);

	if (status != OK)
		return status;
	for (unsigned i = 0; i < IKE_SA_MAX; i++)
		if (e->s.ike.ike[i].state != 0 &&
		    session_find_pair(s, e->s.ike.ike[i].spi_i, e->s.ike.ike[i].spi_r))
			return ERR_EXISTS;
	for (unsigned i = 0; i < e->s.ike.n_child; i++)
		if (session_find_spi(s, e->s.ike.child[i].spi_in))
			return ERR_EXISTS;
	if (e->s.ike.virtual_ip.family != 0 && !e->s.followed_by &&
	    pool_user(s, &e->s.ike.virtual_ip))
		return ERR_EXISTS;
	list_append(&s->list, e);
	spis_add(s, e);
	if (!e->s.followed_by)
		pool_take(s, e);
	peer_join(s, e);
	capacity_pair_forms(s, e);
	s->slot_sessions[e->s.slot]++;
	return OK;
}

/* What Child SAs that go have carried stays with their session. */
static void keep_volumes(struct session *x, const struct ike_session *next)
{
	if (MUTANT(MUTANT_VOLUME_GOES))
		return;
	for (unsigned i = 0; i < x->ike.n_child; i++)
		if (!ike_session_has_child(next, x->ike.child[i].spi_in))
			volume_add(&x->gone, &x->seq[i].volume);
}

void session_replace(struct state *s, struct session_entry *e, const struct ike_session *ike,
		     const struct seq_record seq[IKE_CHILD_MAX])
{
	bool same_ip = address_equal(&e->s.ike.virtual_ip, &ike->virtual_ip);
	bool same_client = ike_client_equal(ike_session_client(&e->s.ike), ike_session_client(ike));
	struct ike_session old = e->s.ike; /* Its blobs move here, and are dropped at the end. */

	cut_before_session_changes(s, e);
	capacity_pair_breaks(s, e);
	spis_remove(s, e);
	keep_volumes(&e->s, ike);
	if (!same_client)
		peer_leave(s, e);
	if (!same_ip)
		pool_free(s, e);
	ike_session_copy(&e->s.ike, ike);
	memcpy(e->s.seq, seq, sizeof(e->s.seq));
	if (!same_ip)
		pool_take(s, e);
	if (!same_client)
		peer_join(s, e);
	spis_add(s, e);
	capacity_pair_forms(s, e);
	ike_session_fini(&old);
}

void session_set_slot(struct state *s, struct session_entry *e, uint32_t slot)
{
	cut_before_session_changes(s, e);
	s->slot_sessions[e->s.slot]--;
	s->slot_sessions[slot]++;
	e->s.slot = slot;
}

void session_entry_free(struct session_entry *e)
{
	ike_session_fini(&e->s.ike);
	free(e);
}

uint64_t session_remove(struct state *s, struct session_entry *e)
{
	struct session_entry *other = e->s.followed_by ? session_find(s, e->s.followed_by) : e->before;
	bool paired = capacity_pair_breaks(s, e);
	uint64_t returned;

	for (unsigned i = 0; i < IKE_SA_MAX; i++) {
		const struct ike_sa *sa = &e->s.ike.ike[i];

		if (sa->state != 0)
			tombstone_add(s, sa->spi_i, sa->spi_r, tombstone_peer(ike_session_client(&e->s.ike)),
				      s->time_ms);
	}
	cut_before_session_goes(s, e);
	list_remove(&s->list, e->s.id);
	spis_remove(s, e);
	returned = pool_return(s, e);
	if (paired)
		capacity_pair_forms(s, other);
	peer_leave(s, e);
	s->slot_sessions[e->s.slot]--;
	session_entry_free(e);
	return returned;
}

void sessions_fini(struct state *s)
{
	struct peer_sessions *p, *next;

	HASH_CLEAR(hh, s->by_pair);
	spi_index_clear(&s->by_spi);
	HASH_CLEAR(by_ip, s->by_ip);
	HASH_ITER(hh, s->peers, p, next)
	{
		HASH_DEL(s->peers, p);
		free(p);
	}
	for (size_t i = 0; i < s->list.n; i++)
		if (s->list.item[i].entry)
			session_entry_free(s->list.item[i].entry);
	free(s->list.item);
}

/* ---- Reading ---- */

const struct session *state_session(const struct state *s, uint64_t id)
{
	struct session_entry *e = session_find(s, id);

	return e ? &e->s : NULL;
}

const struct session *state_session_by_ike(const struct state *s, uint64_t spi_i, uint64_t spi_r)
{
	struct pair_index *x = session_find_pair(s, spi_i, spi_r);

	return x ? &x->entry->s : NULL;
}

const struct session *state_session_by_spi(const struct state *s, uint32_t spi_in, unsigned *child)
{
	struct child_index *x = session_find_spi(s, spi_in);

	if (!x)
		return NULL;
	if (child)
		*child = (unsigned)(x - x->entry->by_spi);
	return &x->entry->s;
}

size_t state_sessions(const struct state *s)
{
	return s->list.n - s->list.holes;
}

size_t state_child_sas(const struct state *s)
{
	return s->n_child;
}

bool state_all_exact(const struct state *s)
{
	return s->n_exact == s->n_child;
}

size_t state_places(const struct state *s)
{
	return state_taken(s).places;
}

const struct session *state_next_session(const struct state *s, uint64_t after)
{
	for (size_t i = list_after(&s->list, after); i < s->list.n; i++)
		if (s->list.item[i].entry)
			return &s->list.item[i].entry->s;
	return NULL;
}

/* e: the session of that id, if it is in that list. */
static const struct session *next_in(const struct state *s, unsigned list, struct ike_client client,
				     const struct session_entry *e, uint64_t after)
{
	const struct peer_sessions *p;

	if (e)
		return e->peer[list].next ? &e->peer[list].next->s : NULL;
	p = peer_find(s, client);
	e = p ? p->first : NULL;
	while (e && e->s.id <= after)
		e = e->peer[list].next;
	return e ? &e->s : NULL;
}

const struct session *state_next_session_of(const struct state *s, struct ike_client client, uint64_t after)
{
	const struct session_entry *e = session_find(s, after);
	bool is = e && ike_client_equal(ike_session_client(&e->s.ike), client);

	return next_in(s, PEER_CLIENT, client, is ? e : NULL, after);
}

const struct session *state_next_session_named(const struct state *s, const struct ike_id *name, uint64_t after)
{
	const struct session_entry *e = session_find(s, after);
	bool is = e && ike_id_equal(&e->s.ike.peer_id, name);

	return next_in(s, PEER_NAMED, (struct ike_client){name, 0}, is ? e : NULL, after);
}
