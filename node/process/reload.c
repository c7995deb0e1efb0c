/* SPDX-License-Identifier: Apache-2.0 */
/* One reading at a time. A request during a reading gets the next one, because the file may have
 * changed since the first began. */
#include "node/process/reload.h"

#include "node/config/config_image.h"
#include "node/process/crl_watch.h"
#include "node/process/expiry_watch.h"
#include "node/process/node.h"

#include <openssl/mem.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAITING_MAX CONTROL_CONNECTIONS_MAX
#define ROOM_FIRST 65536u
#define TEXT_LEN 1024u

struct askers {
	uint64_t from[WAITING_MAX];
	size_t n;
	bool any; /* Perhaps by a signal alone. */
};

struct reload {
	struct node *node;
	int fd;                  /* -1: nobody reads. */
	uv_poll_t poll;
	struct askers now, next; /* Those who asked for the reading under way, and for the one after it. */
	uint8_t *image;
	size_t len, room;
	char warned[TEXT_LEN / 2]; /* What is to be said besides of the file just read. */
};

/* ---- Answers ---- */

static void __attribute__((format(printf, 3, 4))) tell(struct reload *r, bool good, const char *format, ...)
{
	char text[TEXT_LEN];
	size_t at;
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	at = strlen(text);
	snprintf(text + at, sizeof(text) - at, "%s", r->warned);
	r->warned[0] = '\0';
	events_add(r->node->events, good ? CONFIG_LOG_INFO : CONFIG_LOG_WARNING, good ? "reload" : "reload_refused",
		   "%s", text);
	for (size_t i = 0; i < r->now.n; i++)
		control_socket_answer(r->node->control, r->now.from[i], good, 0, text);
	r->now = (struct askers){0};
}

/* "; another one is still in force at n1, n3", or nothing. */
static void others(const struct node *n, uint64_t hash, char *text, size_t size)
{
	const struct cluster_config *c = &n->config->cluster;
	const char *before = "; a different one is still in force at ";
	size_t at = 0;

	text[0] = '\0';
	for (uint32_t place = 0; place < STATE_NODES_MAX && at < size; place++) {
		const struct node_record *x = state_node_at(core_state(n->core), place);

		if (!x || !x->up || strcmp(x->name, c->node[c->self]) == 0 || x->policy_hash == hash)
			continue;
		at += (size_t)snprintf(text + at, size - at, "%s%s", before, x->name);
		before = ", ";
	}
}

/* Nodes do not compare CRLs, so no hash has them. */
static bool same_crls(const struct ike_config *a, const struct ike_config *b)
{
	for (size_t i = 0; i < a->n_connections && i < b->n_connections; i++) {
		const struct trust *x = a->connections[i].clients, *y = b->connections[i].clients;

		if (x && y && !trust_same_crls(x, y))
			return false;
	}
	return true;
}

static void put_in_force(struct reload *r, const struct config_reading *reading)
{
	struct cluster_policy *policy = reading->policy;
	bool crls = same_crls(&core_policy(r->node->core)->ike, &policy->ike);
	bool level = events_set_level(r->node->events, reading->log_level) == reading->log_level;
	struct core_status before;
	char differ[TEXT_LEN / 2];

	core_status(r->node->core, &before);
	loop_policy(r->node, policy);
	crl_watch_files(r->node, reading->crl, reading->n_crls);
	expiry_watch_anew(r->node);
	others(r->node, policy->hash, differ, sizeof(differ));
	if (before.policy_hash == policy->hash && !(crls && level))
		tell(r, true, "in force: %s%s%s; nothing else has changed%s", crls ? "" : "new CRLs",
		     crls || level ? "" : " and ", level ? "" : "a new [log] level", differ);
	else if (before.policy_hash == policy->hash)
		tell(r, true, "nothing has changed: this policy is in force already%s", differ);
	else
		tell(r, true, "in force: %zu connections, %zu secrets, %zu users%s", policy->ike.n_connections,
		     policy->ike.n_secrets, policy->ike.n_users, differ);
}

static void judge(struct reload *r)
{
	struct config_reading reading;
	char *differs = NULL;

	if (!config_image_decode(&reading, r->image, r->len))
		tell(r, false, "what was read is damaged: the policy stays");
	else if (reading.error)
		tell(r, false, "%s%s; the policy stays", reading.error,
		     reading.n_errors > 1 ? " (there are more errors: baton check)" : "");
	else if ((differs = config_facts_differ(r->node->config, reading.fact, reading.n_facts)) != NULL) {
		tell(r, false, "%s; the policy stays", differs);
	} else {
		if (reading.n_warnings > 0)
			snprintf(r->warned, sizeof(r->warned), "; %zu %s: baton check (the first: %s)", reading.n_warnings,
				 reading.n_warnings == 1 ? "warning" : "warnings", reading.warning);
		put_in_force(r, &reading);
	}
	free(differs);
	config_reading_fini(&reading);
}

/* ---- Asking the process that reads ---- */

static void forget_image(struct reload *r)
{
	if (r->image)
		OPENSSL_cleanse(r->image, r->room);
	free(r->image);
	r->image = NULL;
	r->len = r->room = 0;
}

static void lose_reader(struct reload *r)
{
	forget_image(r);
	uv_poll_stop(&r->poll);
	close(r->fd);
	r->fd = -1;
	for (unsigned i = 0; i < 2; i++) { /* Also those who wait for the next reading. */
		tell(r, false, "the process that reads cluster.toml again has ended: restart this node");
		r->now = r->next;
		r->next = (struct askers){0};
		if (!r->now.any)
			break;
	}
	r->now = (struct askers){0};
}

static void ask(struct reload *r)
{
	const uint8_t octet = 1;

	if (send(r->fd, &octet, 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1)
		lose_reader(r);
}

/* Copied by hand: realloc() would leave keys behind. */
static void make_room(struct reload *r)
{
	size_t wanted = config_image_len(r->image, r->len), room = wanted ? wanted : ROOM_FIRST;
	uint8_t *larger;

	if (r->image && (wanted == 0 || r->room >= wanted))
		return;
	larger = malloc(room);
	assert(larger);
	if (r->len > 0)
		memcpy(larger, r->image, r->len);
	if (r->image)
		OPENSSL_cleanse(r->image, r->room);
	free(r->image);
	r->image = larger;
	r->room = room;
}

static void finish(struct reload *r)
{
	judge(r);
	forget_image(r);
	r->now = r->next;
	r->next = (struct askers){0};
	if (r->now.any)
		ask(r);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct reload *r = poll->data;
	ssize_t n;

	(void)events;
	make_room(r);
	n = status < 0 ? 0 : recv(r->fd, r->image + r->len, r->room - r->len, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || !r->now.any) { /* It says nothing unasked. */
		lose_reader(r);
		return;
	}
	r->len += (size_t)n;
	make_room(r);
	if (r->len == config_image_len(r->image, r->len))
		finish(r);
}

void reload_ask(struct reload *r, uint64_t from)
{
	bool busy = r->now.any;
	struct askers *a = busy ? &r->next : &r->now;

	a->any = true;
	if (from != 0 && a->n < WAITING_MAX)
		a->from[a->n++] = from;
	if (r->fd < 0)
		tell(r, false, "no process is there to read cluster.toml again: restart this node");
	else if (!busy)
		ask(r);
}

/* ---- Life ---- */

struct reload *reload_new(struct node *n, int reader)
{
	struct reload *r = calloc(1, sizeof(*r));

	assert(r);
	r->node = n;
	r->fd = reader;
	if (reader < 0)
		return r;
	uv_poll_init(&n->loop, &r->poll, reader);
	r->poll.data = r;
	uv_poll_start(&r->poll, UV_READABLE, on_readable);
	return r;
}

static void on_closed(uv_handle_t *h)
{
	free(h->data);
}

void reload_free(struct reload *r)
{
	if (!r)
		return;
	forget_image(r);
	if (r->fd >= 0)
		close(r->fd);
	if (r->poll.data)
		uv_close((uv_handle_t *)&r->poll, on_closed);
	else
		free(r);
}
