/* SPDX-License-Identifier: Apache-2.0 */
#include "test/lib/eap_client.h"

#include "proto/auth/eap_mschapv2_packet.h"
#include "proto/ike/initiator_step.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

unsigned eap_client_round;
const char *eap_client_packet;
const uint8_t *eap_client_auth;
const char *eap_client_identity;
bool eap_client_success;
struct eap_client_failure eap_client_failure;

static unsigned rounds;

static void begin(struct initiator *i, struct ike_builder *b)
{
	rounds = 1;
	initiator_eap_mschapv2.begin(i, b);
}

static void listen(const struct ike_message *m)
{
	struct mschapv2_packet p;
	char text[128] = "";
	struct eap e;

	if (!ike_message_has(m, IKE_PAYLOAD_EAP) || eap_parse(&e, m->eap) != OK)
		return;
	eap_client_failure.code = e.code;
	if (e.type != EAP_TYPE_MSCHAPV2 || mschapv2_packet_parse(&p, &e) != OK ||
	    p.op != MSCHAPV2_FAILURE || CBS_len(&p.message) >= sizeof(text))
		return;
	memcpy(text, CBS_data(&p.message), CBS_len(&p.message));
	if (sscanf(text, "E=%u R=%u", &eap_client_failure.error, &eap_client_failure.retry) != 2)
		eap_client_failure.error = 0;
}

static void add_packet(struct ike_builder *b, const struct ike_message *m)
{
	uint8_t octets[64];
	size_t n = 0;

	for (const char *t = eap_client_packet; *t; t += *t == ' ' ? 1 : 2) {
		unsigned octet = 0;

		if (*t == ' ')
			continue;
		if (strncmp(t, "id", 2) == 0)
			octet = CBS_len(&m->eap) > 1 ? CBS_data(&m->eap)[1] : 0;
		else if (sscanf(t, "%2x", &octet) != 1)
			assert(false);
		octets[n++] = (uint8_t)octet;
	}
	ike_add_payload(b, IKE_PAYLOAD_EAP, false, octets, n);
}

static enum ike_auth_verdict step(struct initiator *i, const struct ike_message *m,
				  struct ike_builder *b)
{
	static const uint8_t success[4] = {EAP_SUCCESS, 0, 0, 4};
	struct ike_message other = *m;
	enum ike_auth_verdict verdict;
	char user[sizeof(i->config.user)];
	struct ike_builder unsaid;

	listen(m);
	rounds++;
	if (rounds == 4 && eap_client_success)
		CBS_init(&other.eap, success, sizeof(success));
	memcpy(user, i->config.user, sizeof(user));
	if (rounds == 2 && eap_client_identity)
		snprintf(i->config.user, sizeof(i->config.user), "%s", eap_client_identity);
	ike_builder_init(&unsaid);
	verdict = initiator_eap_mschapv2.step(i, &other, rounds == eap_client_round ? &unsaid : b);
	ike_builder_fini(&unsaid);
	memcpy(i->config.user, user, sizeof(user));
	if (rounds == eap_client_round && eap_client_auth)
		ike_add_auth(b, IKE_AUTH_SHARED_KEY, eap_client_auth, 32);
	else if (rounds == eap_client_round)
		add_packet(b, m);
	return verdict;
}

static const struct initiator_auth eap_client = {.begin = begin, .step = step};

static void add_user(struct gateway *g, const char *name, const char *password)
{
	struct ike_user *u = &g->users[g->config.n_users++];

	u->id = gateway_id(name);
	if (nt_hash_of(&u->password, password, strlen(password)) != OK)
		assert(false);
}

void eap_client_setup(struct fixture *f)
{
	eap_client_round = 0;
	eap_client_packet = eap_client_identity = NULL;
	eap_client_auth = NULL;
	eap_client_success = false;
	memset(&eap_client_failure, 0, sizeof(eap_client_failure));
	f->g.connections[0].auth = &ike_auth_eap_mschapv2;
	f->g.secrets[1].id = gateway_id("gw");
	secret_set(&f->g.secrets[1].psk, "the gateway's", 13);
	f->g.config.n_secrets = 2;
	f->g.config.users = f->g.users;
	f->g.config.n_users = 0;
	add_user(&f->g, "alice", "in wonderland");
	add_user(&f->g, "bob", "bob's own");
	f->config.auth = &eap_client;
	f->config.id = gateway_id("laptop");
	f->config.psk = f->g.secrets[1].psk;
	strcpy(f->config.user, "alice");
	f->config.password = f->g.users[0].password;
	f->i.config = f->config;
}
