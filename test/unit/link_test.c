/* SPDX-License-Identifier: Apache-2.0 */
/* Two nodes' links in one process, over TLS on a loopback address of our own: what becomes of a
 * frame that the receiver has no room for, and of a node whose control loop hangs. */
#include "node/link/link.h"
#include "node/link/pki.h"

#include "cluster/link/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MARKS_LEN 3000u
#define DONE_LEN 100u
#define TINY_MAX 5000u /* One of the first, and then one of the second. */

static char dir[] = "/tmp/baton-link-XXXXXX";

static struct side {
	struct node_config *config;
	struct tls_context *tls;
	struct events *events;
	struct inbox inbox;
	struct link *link;
	uint64_t incarnation;
	uint64_t generation; /* The link's, if up. */
	unsigned ups, downs, marks, done;
	bool suspects; /* ... the other one. */
} side[2];

static void no_wake(void *ctx)
{
	(void)ctx;
}

static void put_pki(void)
{
	EVP_PKEY *ca_key = pki_key(), *key;
	X509 *ca = pki_certificate(ca_key, "CA", NULL, NULL), *x;
	char path[64];

	snprintf(path, sizeof(path), "%s/ca.pem", dir);
	assert_true(pki_write_certificate(path, ca));
	for (unsigned i = 0; i < 2; i++) {
		char name[8];

		snprintf(name, sizeof(name), "n%u", i + 1);
		key = pki_key();
		x = pki_certificate(key, name, ca, ca_key);
		snprintf(path, sizeof(path), "%s/%s.pem", dir, name);
		assert_true(pki_write_certificate(path, x));
		snprintf(path, sizeof(path), "%s/%s.key", dir, name);
		assert_true(pki_write_key(path, key));
		X509_free(x);
		EVP_PKEY_free(key);
	}
	X509_free(ca);
	EVP_PKEY_free(ca_key);
}

/* 127.x.y.n, by our process id: no other test listens there. */
static struct endpoint endpoint_of(unsigned n)
{
	uint16_t pid = (uint16_t)getpid();

	return (struct endpoint){.address = {.family = 4,
					     .octets = {127, (uint8_t)(pid >> 8 | 1), (uint8_t)pid, (uint8_t)(n + 1)}},
				 .port = 7500};
}

static void side_init(unsigned n)
{
	char ca[64], cert[64], key[64], tls_err[TLS_ERR_LEN] = "", err[LINK_ERR_LEN] = "";
	struct side *s = &side[n];
	struct node_config *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	memset(s, 0, sizeof(*s));
	s->config = c;
	cluster_config_defaults(&c->cluster);
	c->cluster.n_nodes = 2;
	c->cluster.self = n;
	for (unsigned i = 0; i < 2; i++) {
		snprintf(c->cluster.node[i], CLUSTER_NAME_MAX, "n%u", i + 1);
		c->node[i].link = endpoint_of(i);
	}
	snprintf(ca, sizeof(ca), "%s/ca.pem", dir);
	snprintf(cert, sizeof(cert), "%s/n%u.pem", dir, n + 1);
	snprintf(key, sizeof(key), "%s/n%u.key", dir, n + 1);
	s->tls = tls_context_new(ca, cert, key, c->cluster.node[n], tls_err);
	assert_string_equal(tls_err, "");
	s->events = events_new(c->cluster.node[n], CONFIG_LOG_ERROR);
	inbox_init(&s->inbox, no_wake, NULL);
	s->incarnation = 77 + n;
	s->link = link_new(&(struct link_options){.config = c, .tls = s->tls, .events = s->events,
						  .inbox = &s->inbox, .incarnation = s->incarnation}, err);
	assert_string_equal(err, "");
	link_start(s->link, NULL);
}

static void side_fini(struct side *s)
{
	link_stop(s->link);
	link_free(s->link);
	inbox_fini(&s->inbox);
	tls_context_free(s->tls);
	events_free(s->events);
	free(s->config);
}

/* Takes what has come, as the control loop does. */
static void look(struct side *s)
{
	struct inbox_round round = {0};
	struct inbox_item *i;

	link_answer(s->link);
	while ((i = inbox_next(&s->inbox, &round, false)) != NULL) {
		if (i->kind == INBOX_LINK && i->link.up) {
			s->ups++;
			s->generation = i->link.generation;
		} else if (i->kind == INBOX_LINK) {
			s->downs++;
		} else if (i->kind == INBOX_EVENT && i->event.type == EVENT_SUSPECT) {
			s->suspects = i->event.suspect.suspect;
		} else if (i->kind == INBOX_EVENT && i->event.type == EVENT_FRAME) {
			s->marks += i->data[0] == FRAME_MARKS;
			s->done += i->data[0] == FRAME_MARKS_DONE;
		}
		inbox_item_free(i);
	}
}

static void wait_up(struct side *s, unsigned ups)
{
	for (unsigned ms = 0; s->ups < ups && ms < 20000; ms++) {
		look(s);
		usleep(1000);
	}
	assert_int_equal(s->ups, ups);
}

static void say(struct side *s, uint8_t type, size_t len)
{
	uint8_t frame[MARKS_LEN] = {type};

	link_send(s->link, s == &side[0], s->generation, frame, len);
	link_flush(s->link);
}

static void say_hello(struct side *s)
{
	struct frame f = {.type = FRAME_HELLO, .hello = {.level = 1, .raft_id = 1, .incarnation = s->incarnation}};
	struct blob *b = frame_create(&f);

	link_send(s->link, s == &side[0], s->generation, b->data, b->len);
	link_flush(s->link);
	blob_unref(b);
}

static int set_up(void **unused)
{
	(void)unused;
	side_init(0);
	side_init(1);
	wait_up(&side[0], 1);
	wait_up(&side[1], 1);
	return 0;
}

static int tear_down(void **unused)
{
	(void)unused;
	side_fini(&side[0]);
	side_fini(&side[1]);
	return 0;
}

/* Nothing of that connection comes behind what was lost, and the next one begins once there is room.
 * receiver: the one that dials, or the other one. */
static void lose_a_frame(struct side *sender, struct side *receiver)
{
	receiver->inbox.max[INBOX_FRAMES] = TINY_MAX;
	say_hello(sender);
	say(sender, FRAME_MARKS, MARKS_LEN);
	say(sender, FRAME_MARKS, MARKS_LEN); /* Too many ... */
	say(sender, FRAME_MARKS_DONE, DONE_LEN); /* ... but for this one there is room. */
	for (unsigned ms = 0; sender->downs == 0 && ms < 20000; ms++) {
		look(sender);
		usleep(1000);
	}
	assert_true(receiver->inbox.lost[INBOX_FRAMES] > 0);
	usleep(100000); /* Until the receiver has looked, the sender cannot come again. */
	look(sender);
	assert_int_equal(sender->downs, 1);
	assert_int_equal(sender->ups, 1);
	look(receiver);
	assert_int_equal(receiver->marks, 1);
	assert_int_equal(receiver->done, 0);
	assert_int_equal(receiver->downs, 1);

	wait_up(receiver, 2);
	wait_up(sender, 2);
	say_hello(sender);
	say(sender, FRAME_MARKS_DONE, DONE_LEN);
	for (unsigned ms = 0; receiver->done == 0 && ms < 20000; ms++) {
		look(receiver);
		usleep(1000);
	}
	assert_int_equal(receiver->done, 1);
	assert_int_equal(receiver->downs, 1);
}

static void no_frame_follows_a_lost_one(void **unused)
{
	(void)unused;
	lose_a_frame(&side[0], &side[1]);
}

static void nor_where_the_receiver_dials(void **unused)
{
	(void)unused;
	lose_a_frame(&side[1], &side[0]);
}

/* Its own threads run on, but without its control loop it serves nobody: the others notice. */
static void a_loop_that_hangs_ends_the_heartbeats(void **unused)
{
	(void)unused;
	for (unsigned ms = 0; ms < 500; ms++) { /* Both live, and heartbeats come. */
		look(&side[0]);
		look(&side[1]);
		usleep(1000);
	}
	side[0].suspects = false;
	for (unsigned ms = 0; !side[0].suspects && ms < 20000; ms++) { /* From now on the other one does not answer. */
		look(&side[0]);
		usleep(1000);
	}
	assert_true(side[0].suspects);
}

/* A node that is far behind gets the whole state as one frame; nothing else waits then. */
static void the_longest_frame_finds_room(void **unused)
{
	struct inbox_item *i = inbox_item_new(INBOX_EVENT, NULL, 0);
	struct inbox inbox;

	(void)unused;
	inbox_init(&inbox, no_wake, NULL);
	i->len = FRAME_LEN_MAX; /* So it says, and nobody reads it. */
	assert_true(inbox_put(&inbox, i, INBOX_FRAMES));
	i = inbox_item_new(INBOX_EVENT, "x", 1);
	assert_true(inbox_put(&inbox, i, INBOX_FRAMES));
	i = inbox_item_new(INBOX_EVENT, NULL, 0);
	i->len = FRAME_LEN_MAX;
	assert_false(inbox_put(&inbox, i, INBOX_FRAMES));
	assert_int_equal(inbox.lost[INBOX_FRAMES], 1);
	inbox_fini(&inbox);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_frame_follows_a_lost_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nor_where_the_receiver_dials, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_loop_that_hangs_ends_the_heartbeats, set_up, tear_down),
		cmocka_unit_test(the_longest_frame_finds_room),
	};
	char command[64];
	int failed;

	if (!mkdtemp(dir))
		return 1;
	put_pki();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) || failed;
}
