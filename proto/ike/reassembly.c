/* SPDX-License-Identifier: Apache-2.0 */
/* Collecting the fragments of a message (RFC 7383 2.6). They are kept as they came, sealed: nothing
 * here is a secret, and the whole set is then handled, queued, kept and relayed like one datagram.
 * Each fragment is opened once before it is kept, and once more when all are here.
 *
 * Only the other side can add or replace anything: a set with more fragments replaces one with
 * fewer (2.5.2), and a later message replaces an earlier one, once it authenticates. A fragment
 * that fails before that leaves no trace. */
#include "proto/ike/reassembly.h"
#include "proto/ike/fragment.h"
#include "proto/ike/ike_message.h"
#include "proto/mutant.h"

#include <string.h>

void ike_reassembly_clear(struct ike_reassembly *r)
{
	for (unsigned i = 0; i < IKE_DATAGRAMS_MAX; i++)
		blob_unref(r->fragment[i]);
	memset(r, 0, sizeof(*r));
}

/* Is it of the message that is here? Else it is of a later one. */
static bool is_same(const struct ike_reassembly *r, const struct ike_message *m)
{
	if (MUTANT(MUTANT_FRAGMENT_OF_OTHER_MESSAGE))
		return true;
	return r->header.message_id == m->header.message_id;
}

static bool fits(const struct ike_reassembly *r, const struct ike_message *m)
{
	if (MUTANT(MUTANT_FRAGMENT_OF_OTHER_MESSAGE))
		return true;
	return ike_fragment_fits(&m->header, &r->header);
}

/* What can be told before it authenticates. */
static enum drop look(const struct ike_reassembly *r, const struct ike_message *m)
{
	if (m->skf.total > IKE_DATAGRAMS_MAX)
		return DROP_IKE_FRAGMENTS_FULL;
	if (r->total == 0)
		return DROP_NONE;
	if (!is_same(r, m))
		return m->header.message_id < r->header.message_id ? DROP_IKE_MESSAGE_ID : DROP_NONE;
	if (!fits(r, m))
		return DROP_IKE_FRAGMENT;
	/* "check that the value in the Total Fragments field is equal to or greater than" */
	if (m->skf.total < r->total)
		return DROP_IKE_FRAGMENT;
	/* "already present in the reassembling queue, this message is considered a replay" */
	if (m->skf.total == r->total && r->fragment[m->skf.fragment - 1])
		return DROP_IKE_FRAGMENT;
	return DROP_NONE;
}

static enum drop store(struct ike_reassembly *r, const struct ike_message *m, const uint8_t *data,
		       size_t len)
{
	/* "the receiver MUST discard all received fragments and start the reassembly process over
	 * with just the received IKE Fragment message" */
	if (r->total != 0 && (!is_same(r, m) || m->skf.total > r->total))
		ike_reassembly_clear(r);
	if (r->len + len > IKE_DATAGRAMS_LEN_MAX) {
		ike_reassembly_clear(r);
		return DROP_IKE_FRAGMENTS_FULL;
	}
	r->header = m->header;
	r->total = m->skf.total;
	r->fragment[m->skf.fragment - 1] = blob_new(data, len);
	r->n++;
	r->len += (uint32_t)len;
	return DROP_NONE;
}

enum drop ike_reassembly_take(struct ike_reassembly *r, const struct sk_direction *theirs,
			      const uint8_t *data, size_t len, struct ike_datagrams **message)
{
	struct ike_message m;
	enum drop d;

	*message = NULL;
	if (ike_message_parse(&m, data, len) != OK || !ike_message_has(&m, IKE_PAYLOAD_SKF))
		return DROP_IKE_PAYLOAD;
	d = look(r, &m);
	if (d == DROP_NONE)
		d = ike_authenticate(theirs, data, len);
	if (MUTANT(MUTANT_FRAGMENT_UNAUTHENTICATED) && d == DROP_IKE_INTEGRITY)
		d = DROP_NONE;
	if (d == DROP_NONE)
		d = store(r, &m, data, len);
	if (d != DROP_NONE || r->n < r->total)
		return d;
	*message = ike_datagrams_new(r->fragment, r->n); /* Adopts them. */
	memset(r, 0, sizeof(*r));
	return DROP_NONE;
}
