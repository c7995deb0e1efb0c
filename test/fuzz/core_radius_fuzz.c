/* SPDX-License-Identifier: Apache-2.0 */
/* What comes to a cluster's RADIUS ports, through its core: requests of a server that knows the
 * secret, at any node, their repetitions, and octets of strangers with its address. A signed and
 * recent request gets one answer, bit for bit the same whenever it is repeated; nothing else gets
 * any; and all nodes have the same state in the end.
 *
 * The input is a list: how (1), node (1), length (2), octets. */
#include "proto/auth/method.h"
#include "proto/auth/radius_coa.h"
#include "test/lib/story.h"

#include <stdlib.h>
#include <string.h>

/* runs: 150 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1700000000
enum { DISCONNECT, COA, STRANGER, ANSWER, KINDS, REPEAT = 8 };

static struct story story;
static struct secret secret;
static struct blob *reply, *asked, *answered; /* The last reply; the last signed request, and what answered it. */
static unsigned replies;

static void require(bool ok)
{
	if (!ok)
		abort();
}

static bool serves(struct story *l, uint32_t node, const struct endpoint *local, const struct endpoint *remote,
		   const struct blob *data)
{
	(void)l;
	(void)node;
	(void)local;
	if (remote->port != 40000)
		return remote->port == 1812;
	blob_set(&reply, blob_ref((struct blob *)data));
	replies++;
	return true;
}

static void begin(void)
{
	secret_set(&secret, "xyzzy5461", 9);
	story_init(&story, 3);
	story.serves = serves;
	for (uint32_t n = 0; n < 3; n++) {
		story.config[n].coa.port = 3799;
		story.config[n].inside[0] = address_ipv4(0x0a140001);
	}
	story_start_all(&story);
	story_run(&story, 2000);
	story_client_connect(&story);
	for (uint32_t n = 0; n < 3; n++) {
		struct cluster_policy *p = story_policy_copy(&story, n, 7);
		struct event clock = {.type = EVENT_CLOCK, .clock.unix_s = NOW};

		p->ike.connections->auth = &ike_auth_eap_radius;
		p->ike.radius[0] = (struct ike_radius){.secret = secret, .coa = true};
		require(endpoint_parse(&p->ike.radius[0].address, "10.20.0.9:1812") == OK);
		p->ike.n_radius = 1;
		story_policy(&story, n, p);
		story_event(&story, n, &clock);
	}
	story_run(&story, 50);
}

static struct blob *sign(uint8_t code, CBS attributes)
{
	static const uint8_t zero[RADIUS_AUTHENTICATOR_LEN];
	static uint8_t id;
	struct radius none = {.code = code};
	struct radius_attribute a;
	struct radius_builder b;

	CBS_init(&none.authenticator, zero, sizeof(zero));
	radius_begin(&b, code, ++id, zero);
	radius_add_u32(&b, RADIUS_EVENT_TIMESTAMP, NOW);
	while (radius_next(&attributes, &a))
		if (a.type != RADIUS_MESSAGE_AUTHENTICATOR && CBS_len(&a.value) > 0)
			radius_add(&b, a.type, CBS_data(&a.value), CBS_len(&a.value));
	return radius_finish_answer(&b, &none, &secret);
}

static void arrives(uint32_t node, uint16_t port, const uint8_t *data, size_t len)
{
	struct event e = {.type = EVENT_DATAGRAM, .datagram = {.data = data, .len = len}};

	require(endpoint_parse(&e.datagram.remote, port == 3799 ? "10.20.0.9:40000" : "10.20.0.9:1812") == OK);
	e.datagram.local = (struct endpoint){address_ipv4(0x0a140001), port};
	replies = 0;
	story_event(&story, node, &e);
	story_run(&story, 100);
}

static void one(uint8_t how, uint32_t node, CBS octets)
{
	unsigned kind = how % KINDS;

	if (how & REPEAT && asked) {
		arrives(node, 3799, asked->data, asked->len);
		require(replies == 1 && reply->len == answered->len &&
			memcmp(reply->data, answered->data, reply->len) == 0);
	} else if (kind == STRANGER || kind == ANSWER) {
		arrives(node, kind == STRANGER ? 3799 : RADIUS_LOCAL_PORT, CBS_data(&octets), CBS_len(&octets));
		require(replies == 0);
	} else {
		struct blob *b = sign(kind == COA ? RADIUS_COA_REQUEST : RADIUS_DISCONNECT_REQUEST, octets);

		if (!b)
			return;
		arrives(node, 3799, b->data, b->len);
		require(replies == 1);
		blob_set(&asked, b);
		blob_set(&answered, blob_ref(reply));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CBS in, octets;
	uint8_t how, node;

	begin();
	CBS_init(&in, data, size);
	for (unsigned n = 0; n < 16 && CBS_get_u8(&in, &how) && CBS_get_u8(&in, &node) &&
			     CBS_get_u16_length_prefixed(&in, &octets); n++)
		one(how, node % 3, octets);
	story_level(&story);
	story_fini(&story);
	blob_set(&reply, NULL);
	blob_set(&asked, NULL);
	blob_set(&answered, NULL);
	return 0;
}
