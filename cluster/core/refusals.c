/* SPDX-License-Identifier: Apache-2.0 */
/* Counts refusals by their NOTIFY, and logs who was refused and why. Anybody can provoke them: so
 * there is a burst of lines at first, then one a second, which says how many were left out. */
#include "cluster/core/refusals.h"

#include "cluster/core/rooms.h"
#include "proto/ike/notify_text.h"
#include "proto/ike/ike_message.h"

#include <stdlib.h>

struct refusals {
	uint64_t count[NOTIFY_ERRORS + 1]; /* By notify_error_index(). */
	uint64_t earned_us;  /* Lines were earned up to then; ... */
	uint32_t lines;      /* ... so many may be told. */
	uint64_t untold;     /* Since the last one that was. */
	uint64_t versions_from_us; /* Other versions: a span of counting answers began here ... */
	unsigned versions;         /* ... and there were so many in it. */
};

#define LINES_BURST 20u
#define VERSIONS_MAX 10u /* Answers to messages of another version ... */
#define VERSIONS_SPAN_US (1000 * MS) /* ... in this time. */
#define LINE_US (1000 * MS) /* A line is earned in this time. */

static bool may_tell(struct core *c)
{
	struct refusals *r = c->refusals;
	uint64_t earned = (c->now_us - r->earned_us) / LINE_US;

	if (earned > 0 || r->earned_us == 0) {
		r->lines = r->earned_us == 0 || r->lines + earned > LINES_BURST ? LINES_BURST
										 : r->lines + (uint32_t)earned;
		r->earned_us = c->now_us;
	}
	if (r->lines == 0)
		return false;
	r->lines--;
	return true;
}

void refusals_count(struct core *c, uint16_t notify)
{
	c->refusals->count[notify_error_index(notify)]++;
}

void refusals_tell(struct core *c, const struct endpoint *remote, const struct ike_outcome *out)
{
	struct refusals *r = c->refusals;
	char from[ENDPOINT_TEXT_LEN], name[NOTIFY_TEXT_LEN];

	refusals_count(c, out->refused);
	/* A client that guessed another group just tries again. */
	if (out->refused == IKE_NOTIFY_INVALID_KE_PAYLOAD)
		return;
	if (!may_tell(c)) {
		r->untold++;
		return;
	}
	if (r->untold)
		action_event(c->actions, "refused", "%llu more refusals were not logged: see the counters",
			     (unsigned long long)r->untold);
	r->untold = 0;
	action_event(c->actions, "refused", "%s: %s: %s", endpoint_format(remote, from),
		     notify_format(out->refused, name), out->note);
}

/* RFC 7296 2.21.4: "A node needs to limit the rate at which it will send messages in
 * response to unprotected messages." */
struct ike_datagrams *refusals_version(struct core *c, const uint8_t *data, size_t len)
{
	struct refusals *r = c->refusals;
	struct ike_datagrams *reply;

	if (c->now_us - r->versions_from_us >= VERSIONS_SPAN_US) {
		r->versions_from_us = c->now_us;
		r->versions = 0;
	}
	if (r->versions >= VERSIONS_MAX)
		return NULL;
	reply = ike_version_refuse(data, len);
	r->versions += reply != NULL;
	if (reply)
		refusals_count(c, IKE_NOTIFY_INVALID_MAJOR_VERSION);
	return reply;
}

void refusals_init(struct core *c)
{
	c->refusals = core_room(sizeof(*c->refusals));
}

void refusals_fini(struct core *c)
{
	free(c->refusals);
}

const uint64_t *refusals_counts(const struct core *c)
{
	return c->refusals->count;
}
