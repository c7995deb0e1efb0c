/* SPDX-License-Identifier: Apache-2.0 */
/* /v1/sessions, a slice at a time: the loop goes on between two, and only one is in memory, however
 * many sessions there are and however slowly the client reads. The packet workers are asked once
 * for all Child SAs of a slice. Sessions that change meanwhile may be in the list or not; none is
 * in it twice, because ids only grow. */
#include "node/http/status_json.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICE 32u /* Sessions */

struct status_sessions {
	const struct status_view *view;
	uint64_t after, left; /* From the session behind this one on, so many at most. */
	char *text;           /* The slice ... */
	size_t len, taken;    /* ... and how much of it was taken. */
	bool begun, ended;
	uint32_t spi[SLICE * IKE_CHILD_MAX];
	struct datapath_sa_stats stats[SLICE * IKE_CHILD_MAX];
};

static json_t *hex(uint64_t v, int digits)
{
	char text[20];

	snprintf(text, sizeof(text), "%0*" PRIx64, digits, v);
	return json_string(text);
}

static json_t *child_json(const struct session *x, unsigned i, int64_t epoch,
			  const struct datapath_sa_stats *stats)
{
	const struct child_sa *child = &x->ike.child[i];
	char suite[SUITE_TEXT_LEN];
	struct volume v = x->seq[i].volume; /* Where the SA is not ours: as far as it is in the log. */

	(void)volume_raise(&v, &stats->volume);
	return json_pack("{s:o, s:o, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "spi_in",
			 hex(child->spi_in, 8), "spi_out", hex(child->spi_out, 8), "suite",
			 suite_format(&child->suite, suite), "esn", child->suite.esn == ESN_YES,
			 "packets_in", (json_int_t)v.packets_in, "packets_out",
			 (json_int_t)v.packets_out, "octets_in", (json_int_t)v.octets_in, "octets_out",
			 (json_int_t)v.octets_out, "next", (json_int_t)stats->next, "lease_end",
			 (json_int_t)lease_at(&x->seq[i], epoch).end, "mark",
			 (json_int_t)x->seq[i].mark, "window_top", (json_int_t)stats->top);
}

static json_t *session_json(const struct state *s, const struct session *x,
			    const struct datapath_sa_stats *stats)
{
	const struct node_record *owner = state_node(s, session_slot(s, x)->node);
	char id[IKE_ID_TEXT_LEN], remote[ENDPOINT_TEXT_LEN], ip[ADDRESS_TEXT_LEN];
	int64_t epoch = session_epoch(s, x);
	json_t *children = json_array();

	for (unsigned i = 0; i < x->ike.n_child; i++)
		json_array_append_new(children, child_json(x, i, epoch, &stats[i]));
	return json_pack("{s:I, s:s, s:s, s:s, s:I, s:s, s:s, s:o, s:o, s:I, s:I, s:b, s:o}", "id",
			 (json_int_t)x->id, "peer_id", ike_id_format(&x->ike.peer_id, id, sizeof(id)),
			 "connection", x->ike.connection, "owner", owner ? owner->name : "", "epoch",
			 (json_int_t)epoch, "remote", endpoint_format(&x->ike.remote, remote),
			 "virtual_ip",
			 x->ike.virtual_ip.family && !x->followed_by ? address_format(&x->ike.virtual_ip, ip) : "",
			 "ike_spi_i", hex(x->ike.ike[0].spi_i, 16), "ike_spi_r",
			 hex(x->ike.ike[0].spi_r, 16), "established_at",
			 (json_int_t)x->ike.established_ms, "takeovers",
			 (json_int_t)(epoch - x->first_epoch), "acknowledged",
			 x->acknowledged_epoch == epoch || epoch == x->first_epoch, "children", children);
}

/* The sessions of the next slice, and what the packet workers know of them. */
static size_t slice_fill(struct status_sessions *s, const struct state *state,
			 const struct session *x[SLICE])
{
	size_t n = 0, n_spi = 0;

	while (n < SLICE && n < s->left && (x[n] = state_next_session(state, s->after))) {
		for (unsigned i = 0; i < x[n]->ike.n_child; i++)
			s->spi[n_spi++] = x[n]->ike.child[i].spi_in;
		s->after = x[n++]->id;
	}
	s->left -= n;
	memset(s->stats, 0, n_spi * sizeof(*s->stats));
	if (s->view->datapath && n_spi)
		datapath_sa_stats(s->view->datapath, s->spi, n_spi, s->stats);
	return n;
}

static void slice_make(struct status_sessions *s)
{
	const struct state *state = s->view->core ? core_state(s->view->core) : NULL;
	const struct session *x[SLICE];
	size_t n = state ? slice_fill(s, state, x) : 0, at = 0;
	FILE *f;

	free(s->text);
	s->text = NULL;
	s->taken = 0;
	f = open_memstream(&s->text, &s->len);
	assert(f);
	for (size_t i = 0; i < n; i++) {
		json_t *json = session_json(state, x[i], &s->stats[at]);

		fputc(s->begun ? ',' : '[', f);
		s->begun = true;
		json_dumpf(json, f, JSON_COMPACT);
		json_decref(json);
		at += x[i]->ike.n_child;
	}
	if (n < SLICE) {
		fputs(s->begun ? "]" : "[]", f);
		s->ended = true;
	}
	fclose(f);
	assert(s->text);
}

struct status_sessions *status_sessions_new(const struct status_view *v, uint64_t after,
					    uint64_t limit)
{
	struct status_sessions *s = calloc(1, sizeof(*s));

	assert(s);
	s->view = v;
	s->after = after;
	s->left = limit;
	return s;
}

bool status_sessions_ready(const struct status_sessions *s)
{
	return s->taken < s->len || s->ended;
}

size_t status_sessions_read(struct status_sessions *s, char *out, size_t room)
{
	size_t n;

	if (s->taken == s->len && !s->ended)
		slice_make(s);
	n = s->len - s->taken;
	if (n > room)
		n = room;
	memcpy(out, s->text + s->taken, n);
	s->taken += n;
	return n;
}

void status_sessions_free(struct status_sessions *s)
{
	free(s->text);
	free(s);
}
