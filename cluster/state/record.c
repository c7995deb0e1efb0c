/* SPDX-License-Identifier: Apache-2.0 */
/* The field lists of an IKE session. Keys are written as they are: the octets are sealed before
 * they are stored or sent (seal.h), and blobs and CBBs cleanse what they free.
 *
 * Empty places (an IKE SA with state 0, children from n_child on, octets of a key behind its
 * length) are not written, and are read as zero, so equal sessions give equal octets whatever lies
 * there. */
#include "cluster/state/record.h"

#include <assert.h>
#include <string.h>

bool codec_reads(const struct codec *c)
{
	return !c->out;
}

bool codec_since(const struct codec *c, uint8_t level)
{
	return c->level >= level;
}

void codec_check(struct codec *c, bool condition)
{
	if (!condition)
		c->bad = true;
}

/* ---- Elements ---- */

static void codec_uint(struct codec *c, uint64_t *v, unsigned octets)
{
	uint8_t raw[8];

	if (!codec_reads(c)) {
		for (unsigned i = 0; i < octets; i++)
			raw[i] = (uint8_t)(*v >> (8 * (octets - 1 - i)));
		codec_check(c, CBB_add_bytes(c->out, raw, octets));
		return;
	}
	*v = 0;
	if (c->bad || !CBS_copy_bytes(c->in, raw, octets)) {
		c->bad = true;
		return;
	}
	for (unsigned i = 0; i < octets; i++)
		*v = *v << 8 | raw[i];
}

void codec_u8(struct codec *c, uint8_t *v)
{
	uint64_t wide = *v;

	codec_uint(c, &wide, 1);
	*v = (uint8_t)wide;
}

void codec_u16(struct codec *c, uint16_t *v)
{
	uint64_t wide = *v;

	codec_uint(c, &wide, 2);
	*v = (uint16_t)wide;
}

void codec_u32(struct codec *c, uint32_t *v)
{
	uint64_t wide = *v;

	codec_uint(c, &wide, 4);
	*v = (uint32_t)wide;
}

void codec_u64(struct codec *c, uint64_t *v)
{
	codec_uint(c, v, 8);
}

void codec_i64(struct codec *c, int64_t *v)
{
	uint64_t wide = (uint64_t)*v;

	codec_uint(c, &wide, 8);
	*v = (int64_t)wide;
}

void codec_bool(struct codec *c, bool *v)
{
	uint8_t octet = *v;

	codec_u8(c, &octet);
	codec_check(c, octet <= 1);
	*v = octet == 1;
}

void codec_rare(struct codec *c, uint64_t *v)
{
	bool some = *v != 0;

	codec_bool(c, &some);
	if (some) {
		codec_u64(c, v);
		codec_check(c, *v != 0);
	} else if (codec_reads(c)) {
		*v = 0;
	}
}

/* How many octets, then these: a counter is mostly far from its end. */
static void codec_counter(struct codec *c, uint64_t *v)
{
	uint8_t octets = 0;

	for (uint64_t rest = *v; rest != 0; rest >>= 8)
		octets++;
	codec_u8(c, &octets);
	codec_check(c, octets <= 8);
	if (c->bad)
		octets = 0;
	codec_uint(c, v, octets);
	codec_check(c, octets == 0 || *v >> 8 * (octets - 1) != 0);
}

void codec_volume(struct codec *c, struct volume *v)
{
	bool some = !volume_is_zero(v);

	codec_bool(c, &some);
	if (!some) {
		*v = (struct volume){ 0 };
		return;
	}
	codec_counter(c, &v->octets_in);
	codec_counter(c, &v->packets_in);
	codec_counter(c, &v->octets_out);
	codec_counter(c, &v->packets_out);
	codec_check(c, !volume_is_zero(v));
}

void codec_octets(struct codec *c, uint8_t *data, size_t len)
{
	if (!codec_reads(c)) {
		codec_check(c, CBB_add_bytes(c->out, data, len));
	} else if (c->bad || !CBS_copy_bytes(c->in, data, len)) {
		c->bad = true;
		memset(data, 0, len);
	}
}

void codec_count(struct codec *c, uint32_t *n, uint32_t max)
{
	codec_u32(c, n);
	codec_check(c, *n <= max);
	if (c->bad)
		*n = 0;
}

void codec_text(struct codec *c, char *text, size_t size)
{
	uint8_t len;

	assert(size > 0 && size <= 256);
	len = (uint8_t)strnlen(text, size - 1);
	codec_u8(c, &len);
	codec_check(c, len < size);
	if (c->bad)
		len = 0;
	codec_octets(c, (uint8_t *)text, len);
	if (codec_reads(c)) {
		memset(text + len, 0, size - len);
		codec_check(c, strlen(text) == len);
	}
}

void codec_blob(struct codec *c, struct blob **b)
{
	uint32_t len = *b ? (*b)->len : 0;
	CBS octets;

	codec_u32(c, &len);
	if (!codec_reads(c)) {
		codec_check(c, CBB_add_bytes(c->out, *b ? (*b)->data : NULL, len));
		return;
	}
	*b = NULL;
	if (c->bad || !CBS_get_bytes(c->in, &octets, len)) {
		c->bad = true;
		return;
	}
	*b = blob_new(CBS_data(&octets), CBS_len(&octets));
}

/* A copy is only made where there is room for it: what is read is held to the same. */
void codec_blob_of(struct codec *c, struct blob **b, uint32_t max)
{
	codec_blob(c, b);
	codec_check(c, !*b || (*b)->len <= max);
}

void codec_datagrams(struct codec *c, struct ike_datagrams **d, uint32_t max)
{
	struct blob *datagram[IKE_DATAGRAMS_MAX] = {0};
	uint8_t n = *d ? (uint8_t)(*d)->n : 0;

	codec_u8(c, &n);
	codec_check(c, n <= IKE_DATAGRAMS_MAX && ike_datagrams_len(*d) <= max);
	for (uint8_t i = 0; i < n && !c->bad; i++) {
		if (!codec_reads(c))
			datagram[i] = (*d)->datagram[i];
		codec_blob(c, &datagram[i]);
		codec_check(c, datagram[i] && datagram[i]->len <= max);
		max -= c->bad ? 0 : datagram[i]->len;
	}
	if (!codec_reads(c))
		return;
	*d = NULL;
	if (n > 0 && !c->bad) {
		*d = ike_datagrams_new(datagram, n);
		return;
	}
	for (uint8_t i = 0; i < IKE_DATAGRAMS_MAX; i++)
		blob_unref(datagram[i]);
}

/* A key of an IKE SA. */
static void codec_key(struct codec *c, struct secret *s)
{
	codec_u16(c, &s->len);
	codec_check(c, s->len <= IKE_KEY_MAX);
	if (c->bad)
		s->len = 0;
	codec_octets(c, s->bytes, s->len);
}

/* ---- Addresses and selectors ---- */

void codec_address(struct codec *c, struct address *a)
{
	size_t len;

	codec_u8(c, &a->family);
	codec_check(c, a->family == 0 || a->family == 4 || a->family == 6);
	if (c->bad)
		a->family = 0;
	len = a->family == 4 ? 4 : a->family == 6 ? 16 : 0;
	codec_octets(c, a->octets, len);
	if (codec_reads(c))
		memset(a->octets + len, 0, sizeof(a->octets) - len);
}

void codec_prefixes(struct codec *c, struct prefix_list *l)
{
	codec_count(c, &l->n, PREFIX_LIST_MAX);
	for (uint32_t i = 0; i < l->n; i++) {
		codec_address(c, &l->at[i].address);
		codec_u8(c, &l->at[i].bits);
	}
	codec_check(c, !c->bad && prefix_list_sound(l));
}

static void codec_endpoint(struct codec *c, struct endpoint *e)
{
	codec_address(c, &e->address);
	codec_u16(c, &e->port);
}

static void codec_ts_set(struct codec *c, struct ts_set *set)
{
	codec_u8(c, &set->n);
	codec_check(c, set->n <= TS_MAX);
	if (c->bad)
		set->n = 0;
	for (unsigned i = 0; i < set->n; i++) {
		struct traffic_selector *ts = &set->ts[i];

		codec_address(c, &ts->start);
		codec_address(c, &ts->end);
		codec_u16(c, &ts->port_start);
		codec_u16(c, &ts->port_end);
		codec_u8(c, &ts->protocol);
		codec_check(c, ts->start.family != 0 && ts->start.family == ts->end.family);
	}
}

/* ---- IKE ---- */

static void codec_suite(struct codec *c, struct suite *s)
{
	codec_u16(c, &s->encr);
	codec_u16(c, &s->encr_key_bits);
	codec_u16(c, &s->integ);
	codec_u16(c, &s->prf);
	codec_u16(c, &s->dh);
	codec_u16(c, &s->esn);
	/* Sizes are computed from these later, so nothing unknown may get in. */
	codec_check(c, suite_supported(s));
}

static void codec_keys(struct codec *c, struct ike_keys *k)
{
	codec_key(c, &k->d);
	codec_key(c, &k->ai);
	codec_key(c, &k->ar);
	codec_key(c, &k->ei);
	codec_key(c, &k->er);
	codec_key(c, &k->pi);
	codec_key(c, &k->pr);
}

void codec_id(struct codec *c, struct ike_id *id)
{
	codec_u8(c, &id->type);
	codec_u8(c, &id->len);
	codec_check(c, id->len <= IKE_ID_MAX);
	if (c->bad)
		id->len = 0;
	codec_octets(c, id->data, id->len);
}

static void codec_request_id(struct codec *c, struct ike_request_id *id)
{
	codec_octets(c, id->hash, sizeof(id->hash));
	codec_u16(c, &id->total);
}

static void codec_window(struct codec *c, struct ike_window *w)
{
	codec_u32(c, &w->next_in);
	codec_u32(c, &w->next_out);
	codec_request_id(c, &w->request);
	codec_datagrams(c, &w->response, IKE_DATAGRAMS_LEN_MAX);
	codec_datagrams(c, &w->outstanding, IKE_DATAGRAMS_LEN_MAX);
}

static void codec_ike_sa(struct codec *c, struct ike_sa *sa)
{
	uint8_t state = (uint8_t)sa->state, purpose = (uint8_t)sa->purpose;

	codec_check(c, sa->state <= IKE_SA_DELETING && sa->purpose <= IKE_PURPOSE_LAST);
	codec_u8(c, &state);
	codec_check(c, state <= IKE_SA_DELETING);
	sa->state = c->bad ? 0 : state;
	if (sa->state == 0)
		return;
	codec_u64(c, &sa->spi_i);
	codec_u64(c, &sa->spi_r);
	codec_suite(c, &sa->suite);
	codec_keys(c, &sa->keys);
	codec_bool(c, &sa->original_initiator);
	codec_u64(c, &sa->made_ms);
	codec_window(c, &sa->window);
	codec_u8(c, &purpose);
	codec_check(c, purpose <= IKE_PURPOSE_LAST);
	sa->purpose = c->bad ? 0 : purpose;
	codec_u32(c, &sa->purpose_arg);
	/* Only where there is something to finish: all else is written as it always was. */
	if (sa->purpose >= IKE_PURPOSE_REKEY_CHILD) {
		codec_blob(c, &sa->finish);
		codec_check(c, sa->finish && sa->window.outstanding);
	}
}

static void codec_esp_keys(struct codec *c, struct esp_keys *k, const struct suite *s)
{
	if (c->bad)
		return;
	assert(suite_encr_key_len(s) <= sizeof(k->encr));
	assert(suite_integ_key_len(s) <= sizeof(k->integ));
	codec_octets(c, k->encr, suite_encr_key_len(s));
	codec_octets(c, k->integ, suite_integ_key_len(s));
}

static void codec_child_sa(struct codec *c, struct child_sa *child)
{
	codec_u32(c, &child->spi_in);
	codec_u32(c, &child->spi_out);
	codec_suite(c, &child->suite);
	codec_esp_keys(c, &child->in, &child->suite);
	codec_esp_keys(c, &child->out, &child->suite);
	codec_ts_set(c, &child->local);
	codec_ts_set(c, &child->remote);
	codec_u32(c, &child->replaces);
	codec_u64(c, &child->made_ms);
	codec_bool(c, &child->expired);
	codec_bool(c, &child->esp_in_udp);
}

static void codec_account(struct codec *c, struct ike_account *a)
{
	codec_bool(c, &a->kept);
	if (c->bad || !a->kept)
		return;
	codec_u32(c, &a->interim_s);
	codec_blob_of(c, &a->attributes, IKE_ACCOUNT_MAX);
	codec_check(c, a->attributes && (a->interim_s == 0 || a->interim_s >= IKE_INTERIM_MIN_S));
}

void codec_session(struct codec *c, struct ike_session *s)
{
	for (unsigned i = 0; i < IKE_SA_MAX; i++)
		codec_ike_sa(c, &s->ike[i]);
	codec_check(c, s->ike[0].state != 0);
	codec_u8(c, &s->n_child);
	codec_check(c, s->n_child <= IKE_CHILD_MAX);
	if (c->bad)
		s->n_child = 0;
	for (unsigned i = 0; i < s->n_child; i++)
		codec_child_sa(c, &s->child[i]);
	codec_id(c, &s->peer_id);
	codec_u64(c, &s->realm);
	codec_check(c, s->realm != 0);
	codec_text(c, s->connection, sizeof(s->connection));
	codec_address(c, &s->virtual_ip);
	codec_endpoint(c, &s->local);
	codec_endpoint(c, &s->remote);
	codec_u32(c, &s->features);
	codec_u64(c, &s->established_ms);
	codec_rare(c, &s->ends_ms);
	codec_account(c, &s->account);
	codec_bool(c, &s->moving);
	if (s->moving) {
		codec_endpoint(c, &s->before.local);
		codec_endpoint(c, &s->before.remote);
		codec_u32(c, &s->before.nat);
		codec_check(c, s->before.local.address.family != 0 && s->before.remote.address.family != 0);
		codec_check(c, (s->before.nat & ~IKE_NAT_FLAGS) == 0);
	}
}

static void codec_auth_progress(struct codec *c, struct ike_auth_progress *p)
{
	codec_u32(c, &p->step);
	codec_check(c, p->step <= IKE_AUTH_STEPS_MAX);
	if (c->bad || p->step == 0)
		return;
	codec_text(c, p->connection, sizeof(p->connection));
	codec_id(c, &p->peer);
	codec_blob_of(c, &p->first, IKE_DATAGRAMS_LEN_MAX);
	codec_blob_of(c, &p->state, IKE_AUTH_STATE_MAX);
	codec_blob_of(c, &p->question, IKE_AUTH_QUESTION_MAX);
	codec_request_id(c, &p->asked);
	codec_check(c, p->first);
}

void codec_half_open(struct codec *c, struct ike_half_open *h)
{
	codec_u64(c, &h->spi_i);
	codec_u64(c, &h->spi_r);
	codec_suite(c, &h->suite);
	codec_keys(c, &h->keys);
	codec_endpoint(c, &h->local);
	codec_endpoint(c, &h->remote);
	codec_u32(c, &h->features);
	codec_u64(c, &h->created_ms);
	codec_u16(c, &h->nonce_i_len);
	codec_check(c, h->nonce_i_len <= IKE_NONCE_MAX);
	if (c->bad)
		h->nonce_i_len = 0;
	codec_octets(c, h->nonce_i, h->nonce_i_len);
	codec_octets(c, h->nonce_r, sizeof(h->nonce_r));
	codec_blob(c, &h->request);
	codec_blob(c, &h->response);
	codec_window(c, &h->window);
	codec_auth_progress(c, &h->auth);
}

/* ---- Sequence records ---- */

void codec_seq_record(struct codec *c, struct seq_record *r, const struct child_sa *child)
{
	codec_i64(c, &r->e0);
	codec_u64(c, &r->start);
	codec_u64(c, &r->end0);
	codec_u64(c, &r->length);
	codec_u64(c, &r->mark);
	codec_rare(c, &r->horizon);
	if (r->horizon)
		codec_i64(c, &r->made_in);
	codec_i64(c, &r->mark_epoch);
	codec_u64(c, &r->late);
	codec_volume(c, &r->volume);
	/* The limit follows from the SA. */
	if (codec_reads(c))
		r->limit = lease_limit(child->suite.esn == ESN_YES);
	codec_check(c, r->start >= 1 && r->start <= r->end0 && r->end0 <= r->limit);
	codec_check(c, r->length >= 1 && r->length <= r->limit);
	codec_check(c, child->suite.esn == ESN_YES || r->horizon <= UINT64_C(1) << 32);
}
