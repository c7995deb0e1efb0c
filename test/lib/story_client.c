/* SPDX-License-Identifier: Apache-2.0 */
/* The clients of a story: the one in every story, and further ones. */
#include "test/lib/story.h"

#include <assert.h>

void story_datagram(struct story *l, uint32_t node, const struct initiator *from,
		    const struct blob *data)
{
	struct event e = { .type = EVENT_DATAGRAM };

	assert(node < l->n);
	e.datagram.local = from->config.remote;
	e.datagram.remote = from->config.local;
	e.datagram.data = data->data;
	e.datagram.len = data->len;
	story_event(l, node, &e);
}

/* The message that begins with data, adopted, to the holder. */
static void send_all(struct story *l, const struct initiator *from, struct blob *data)
{
	struct blob *next;

	for (; data; data = next) {
		story_datagram(l, story_holder(l), from, data);
		next = initiator_next_datagram(from, data);
		blob_unref(data);
	}
}

/* Its answer to all that came; the last one, if there are several. */
static struct blob *consume(const struct story *l, struct initiator *i)
{
	struct blob *answer = NULL;

	for (unsigned k = 0; k < l->n_to_client; k++) {
		struct blob *b = initiator_consume(i, l->to_client[k]->data, l->to_client[k]->len);

		if (b)
			blob_set(&answer, b);
	}
	return answer;
}

void story_swallow(struct story *l)
{
	while (l->n_to_client)
		blob_unref(l->to_client[--l->n_to_client]);
}

struct blob *story_say(struct story *l, struct initiator *i, struct blob *data)
{
	if (data) {
		send_all(l, i, data);
		story_run(l, 10);
	}
	return consume(l, i);
}

void story_client_send(struct story *l, struct blob *data)
{
	while (data) {
		send_all(l, &l->client, data);
		story_run(l, 2);
		data = consume(l, &l->client);
		story_swallow(l);
	}
}

void story_client_listen(struct story *l)
{
	struct blob *answer = consume(l, &l->client);

	story_swallow(l);
	if (answer)
		story_client_send(l, answer);
}

void story_client_connect(struct story *l)
{
	story_client_send(l, initiator_create_init(&l->client));
}

void story_client_other(struct story *l, struct initiator *i, const struct initiator_config *c)
{
	uint8_t s[ENTROPY_SEED_LEN];

	story_seed(l, s);
	initiator_init(i, c, s);
}

void story_client_new(struct story *l)
{
	struct initiator_config c = { 0 };
	const struct ike_connection *k = l->config[0].policy->ike.connections;
	struct prefix any;

	assert(endpoint_parse(&c.local, "10.79.0.50:4500") == OK);
	assert(endpoint_parse(&c.remote, "10.79.0.100:4500") == OK);
	assert(ike_id_parse(&c.id, "cl") == OK);
	secret_set(&c.psk, "secret", 6);
	c.ike[0] = k->ike[0];
	c.esp[0] = k->esp[0];
	c.n_ike = c.n_esp = 1;
	assert(prefix_parse(&any, "0.0.0.0/0") == OK);
	c.tsi.ts[0] = c.tsr.ts[0] = ts_from_prefix(&any);
	c.tsi.n = c.tsr.n = 1;
	c.request_address = c.fake_nat = c.fragmentation = true;
	story_client_other(l, &l->client, &c);
}
