/* SPDX-License-Identifier: Apache-2.0 */
/* The client's half of auth = "psk" (RFC 7296 2.15): one round, the same key for both, or a
 * certificate for the gateway. */
#include "proto/ike/initiator_step.h"
#include "proto/ike/answer.h"
#include "proto/ike/ike_keys.h"
#include "proto/ike/payload.h"

static void psk_begin(struct initiator *i, struct ike_builder *b)
{
	const struct initiator_config *c = &i->config;

	ike_add_id_and_auth(b, IKE_PAYLOAD_IDi, &c->id, i->ike[0].suite.prf, &c->psk,
			    initiator_auth_octets(i, true, (CBS){0}));
	initiator_add_certreq(i, b);
}

/* Its identity, and that it has the certificate, or knows the key. */
bool initiator_psk_gateway(struct initiator *i, const struct ike_message *m)
{
	const struct initiator_config *c = &i->config;
	struct auth_octets octets = initiator_auth_octets(i, false, m->idr.body);

	if (!ike_message_has(m, IKE_PAYLOAD_IDr) ||
	    ike_id_from_payload(&i->gateway_id, &m->idr) != OK)
		return false;
	if (c->remote_id.len > 0 && !ike_id_equal(&i->gateway_id, &c->remote_id))
		return false;
	if (c->trust)
		return ike_message_has(m, IKE_PAYLOAD_AUTH) && initiator_verify_gateway(i, m);
	return ike_message_has(m, IKE_PAYLOAD_AUTH) && m->auth.method == IKE_AUTH_SHARED_KEY &&
	       auth_psk_verify(i->ike[0].suite.prf, &c->psk, &octets, m->auth.data);
}

static enum ike_auth_verdict psk_step(struct initiator *i, const struct ike_message *m,
				      struct ike_builder *b)
{
	(void)b;
	return initiator_psk_gateway(i, m) ? AUTH_VERDICT_DONE : AUTH_VERDICT_REFUSE;
}

const struct initiator_auth initiator_psk = {.begin = psk_begin, .step = psk_step};
