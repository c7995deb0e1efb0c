/* SPDX-License-Identifier: Apache-2.0 */
/* MOBIKE as the responder. The client decides which addresses are used, and says so:
 *
 * 	HDR, SK {N(UPDATE_SA_ADDRESSES), [N(NAT_DETECTION_*),] [N(NO_NATS_ALLOWED),] [N(COOKIE2)]}  -->
 * 	<--  HDR, SK {[N(NAT_DETECTION_*),] [N(COOKIE2)]}
 * 	<--  HDR, SK {N(NAT_DETECTION_*), N(COOKIE2)}    outstanding by the same commit
 * 	HDR, SK {[N(NAT_DETECTION_*),] N(COOKIE2)}  -->
 *
 * IKE messages go to the new address from the first of these on; ESP goes there once the second
 * COOKIE2 has come back from it (3.7): otherwise anyone with a client's keys could point its
 * traffic at a third party. The session's state says that the client is moving, from where, and
 * what it was asked, so any leader can go on. */
#include "proto/ike/mobike.h"
#include "proto/ike/builder.h"
#include "proto/ike/ike.h"
#include "proto/ike/ike_message.h"
#include "proto/ike/outcome.h"
#include "proto/mutant.h"

#include <openssl/bytestring.h>
#include <openssl/mem.h>

#include <string.h>

#define COOKIE2_LEN 16u /* 4.2.5: "between 8 and 64 octets in length (inclusive)" */

/* ---- What finishes a check ---- */

/* The cookie, and the one address that it was sent to. "If the same INFORMATIONAL request has been
 * sent to several different addresses ... a new INFORMATIONAL request needs to be sent" (3.7). */
struct check {
	uint8_t cookie[COOKIE2_LEN];
	struct endpoint remote; /* Family 0: it went to several. */
};

static struct blob *check_encode(const struct check *k)
{
	const struct endpoint *e = &k->remote;
	struct blob *out = NULL;
	CBB b;

	if (CBB_init(&b, 64) && CBB_add_bytes(&b, k->cookie, COOKIE2_LEN) && CBB_add_u8(&b, e->address.family) &&
	    CBB_add_bytes(&b, e->address.octets, sizeof(e->address.octets)) && CBB_add_u16(&b, e->port) &&
	    CBB_flush(&b))
		out = blob_new(CBB_data(&b), CBB_len(&b));
	CBB_cleanup(&b);
	return out;
}

static bool check_decode(struct check *k, const struct blob *from)
{
	CBS in;

	memset(k, 0, sizeof(*k));
	if (!from)
		return false;
	CBS_init(&in, from->data, from->len);
	return CBS_copy_bytes(&in, k->cookie, COOKIE2_LEN) && CBS_get_u8(&in, &k->remote.address.family) &&
	       CBS_copy_bytes(&in, k->remote.address.octets, sizeof(k->remote.address.octets)) &&
	       CBS_get_u16(&in, &k->remote.port) && CBS_len(&in) == 0;
}

/* ---- Addresses ---- */

/* 3.9, 4.2.6: the notification holds source address, destination address, source
 * port, destination port as the client sent them. */
bool ike_nats_allowed(const struct ike_message *m, const struct ike_path *path)
{
	const struct ike_notify *n = ike_message_notify(m, IKE_NOTIFY_NO_NATS_ALLOWED);
	const struct endpoint *from = path->remote, *to = path->local;
	size_t size = address_len(&from->address);
	uint16_t from_port, to_port;
	CBS data, from_address, to_address;

	if (!n)
		return true;
	data = n->data;
	return CBS_get_bytes(&data, &from_address, size) && CBS_get_bytes(&data, &to_address, size) &&
	       CBS_get_u16(&data, &from_port) && CBS_get_u16(&data, &to_port) &&
	       CBS_len(&data) == 0 && CBS_mem_equal(&from_address, from->address.octets, size) &&
	       CBS_mem_equal(&to_address, to->address.octets, size) && from_port == from->port &&
	       to_port == to->port;
}

/* Could a host be there? Not this network, not loopback, no multicast, not everybody. */
static bool is_acceptable(const struct ike_path *path)
{
	const struct address *a = &path->remote->address;

	if (a->family != path->local->address.family || path->remote->port == 0)
		return false;
	if (a->family == 4)
		return a->octets[0] != 0 && a->octets[0] != 127 && a->octets[0] < 224;
	return a->octets[0] != 0xff && a->octets[0] != 0;
}

/* An outstanding request is repeated to the session's address: the one it moves to now, and maybe
 * one it has left. A host that was at any of these could answer it for another. */
static void note_check(struct ike_session *s, const struct endpoint *there)
{
	struct check k;

	for (size_t i = 0; i < IKE_SA_MAX; i++) {
		if (s->ike[i].purpose != IKE_PURPOSE_CHECK_ADDRESS || !check_decode(&k, s->ike[i].finish) ||
		    (endpoint_equal(&k.remote, &s->remote) && endpoint_equal(&k.remote, there)))
			continue;
		memset(&k.remote, 0, sizeof(k.remote));
		blob_set(&s->ike[i].finish, check_encode(&k));
	}
}

/* 3.5: "Updates the IP addresses in the IKE_SA with the values from the IP header", and
 * "waits until the check is completed" with those of its IPsec SAs. */
static void update_addresses(struct ike_step *s)
{
	struct ike_session *next = s->next;
	struct ike_esp_path path = ike_session_esp_path(next);
	char text[ENDPOINT_TEXT_LEN];

	note_check(next, s->path.remote);
	next->local = *s->path.local;
	next->remote = *s->path.remote;
	ike_nat_detect(&next->features, s->message, &s->path);
	next->moving = !endpoint_equal(&next->remote, &path.remote);
	if (MUTANT(MUTANT_MOVE_UNCHECKED))
		next->moving = false;
	next->before = next->moving ? path : (struct ike_esp_path){.nat = 0};
	if (next->moving)
		s->follow = (struct ike_request){.purpose = IKE_PURPOSE_CHECK_ADDRESS};
	ike_note(s->out, "client moves to %s", endpoint_format(s->path.remote, text));
}

static bool names_addresses(const struct ike_message *m)
{
	return ike_message_notify(m, IKE_NOTIFY_UPDATE_SA_ADDRESSES) ||
	       ike_message_notify(m, IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS) ||
	       ike_message_notify(m, IKE_NOTIFY_ADDITIONAL_IP6_ADDRESS) ||
	       ike_message_notify(m, IKE_NOTIFY_NO_ADDITIONAL_ADDRESSES);
}

/* The client's other addresses (3.6) are not kept: we always ask from the same address of ours, and
 * follow the client where it says. */
void ike_step_mobike(struct ike_step *s)
{
	const struct ike_message *m = s->message;
	const struct ike_notify *cookie = ike_message_notify(m, IKE_NOTIFY_COOKIE2);
	bool updates = ike_message_notify(m, IKE_NOTIFY_UPDATE_SA_ADDRESSES) != NULL;

	if (names_addresses(m) && !ike_nats_allowed(m, &s->path)) {
		ike_add_notify(&s->reply, IKE_NOTIFY_UNEXPECTED_NAT_DETECTED, NULL, 0);
		ike_note(s->out, "client forbids NATs, and there is one");
	} else if (updates && !is_acceptable(&s->path)) {
		ike_add_notify(&s->reply, IKE_NOTIFY_UNACCEPTABLE_ADDRESSES, NULL, 0);
		ike_note(s->out, "client moves to an address that no host can have");
	} else if (updates) {
		update_addresses(s);
	}
	/* 3.8: "if the request includes them, the responder MUST also include them". */
	if (ike_message_notify(m, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP))
		ike_nat_add(&s->reply, s->sa->spi_i, s->sa->spi_r, &s->path);
	/* 3.7: "the recipient of an INFORMATIONAL request MUST copy the notification as-is". */
	if (cookie && CBS_len(&cookie->data) >= 8 && CBS_len(&cookie->data) <= 64)
		ike_add_notify(&s->reply, IKE_NOTIFY_COOKIE2, CBS_data(&cookie->data),
			       CBS_len(&cookie->data));
}

void ike_mobike_add(struct ike_builder *b, const struct ike_env *env, const struct address *here)
{
	unsigned n = 0;

	ike_add_notify(b, IKE_NOTIFY_MOBIKE_SUPPORTED, NULL, 0);
	for (size_t i = 0; i < env->n_addresses; i++) {
		const struct address *a = &env->addresses[i];

		if (address_equal(a, here))
			continue;
		ike_add_notify(b, a->family == 4 ? IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS
						 : IKE_NOTIFY_ADDITIONAL_IP6_ADDRESS,
			       a->octets, address_len(a));
		n++;
	}
	if (n == 0)
		ike_add_notify(b, IKE_NOTIFY_NO_ADDITIONAL_ADDRESSES, NULL, 0);
}

/* ---- The check ---- */

/* Libreswan leaves out the COOKIE2 of a request that has no NAT_DETECTION_*; others do not mind them. */
bool ike_check_ask(struct ike_builder *b, const struct ike_env *env, struct ike_session *s)
{
	const struct ike_path path = {.local = &s->local, .remote = &s->remote};
	struct check k = {.remote = s->remote};

	entropy_draw(env->entropy, k.cookie, sizeof(k.cookie));
	ike_nat_add(b, s->ike[0].spi_i, s->ike[0].spi_r, &path);
	ike_add_notify(b, IKE_NOTIFY_COOKIE2, k.cookie, sizeof(k.cookie));
	blob_set(&s->ike[0].finish, check_encode(&k));
	return s->ike[0].finish != NULL;
}

static bool is_copied(const struct ike_message *m, const struct check *k)
{
	const struct ike_notify *n = ike_message_notify(m, IKE_NOTIFY_COOKIE2);

	return n && CBS_len(&n->data) == COOKIE2_LEN &&
	       CRYPTO_memcmp(CBS_data(&n->data), k->cookie, COOKIE2_LEN) == 0;
}

void ike_step_check_answer(struct ike_step *s)
{
	struct ike_session *next = s->next;
	char text[ENDPOINT_TEXT_LEN];
	struct check k;

	if (!check_decode(&k, s->sa->finish)) {
		ike_note(s->out, "the record that finishes the check of an address is unreadable");
	} else if (s->content != OK || !is_copied(s->message, &k)) {
		/* 3.7: "If the values do not match, the IKE_SA MUST be closed." The session's, also if the
		 * client has replaced the one that we asked on. */
		ike_session_end(next);
		s->follow = (struct ike_request){.purpose = IKE_PURPOSE_DELETE_IKE};
		ike_note(s->out, "client does not repeat the COOKIE2 that it was sent: its IKE SA is closed");
	} else if (next->moving && !endpoint_equal(&k.remote, &next->remote)) {
		s->follow = (struct ike_request){.purpose = IKE_PURPOSE_CHECK_ADDRESS};
		ike_note(s->out, "client has moved again, and is asked there");
	} else {
		next->moving = false;
		next->before = (struct ike_esp_path){.nat = 0};
		ike_note(s->out, "client is at %s", endpoint_format(&next->remote, text));
	}
}
