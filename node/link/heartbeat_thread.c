/* SPDX-License-Identifier: Apache-2.0 */
/* The heartbeat thread: it sends heartbeats as datagrams, reads those of the others, lets the
 * detector judge, and publishes the time of contact. It does nothing else, so no handshake, no
 * snapshot and no full socket of the link thread delays a heartbeat, here or there. Heartbeats go
 * through the links as well, at the same pace: where UDP is filtered, everything works as without
 * this thread, except for a line in the log.
 *
 * In each pass it first reads what has arrived, then sends, then judges: an arrived heartbeat is no
 * silence, however late we look. After a pause of our own nobody is judged before the links have
 * been read, too.
 *
 * A datagram counts for the link whose keys it was made with, as long as that link is up, and only
 * if it left after the last one that we took: a repeated or overtaken heartbeat does not count.
 * Heartbeats say that this process lives and that its link thread runs: if that thread stands still
 * for as long as a silent link is kept, they stop. So they do when the control loop has not answered for as
 * long as `isolation`: without it contact ends, because contact depends on what was applied.
 *
 * The clock is CLOCK_BOOTTIME: a host that slept has been out of contact all that time. Isolation
 * is judged at once: contact counts from the *send* time of our own heartbeats. */
#include "node/link/link_internal.h"
#include "xdp/thread/privilege.h"

#include <openssl/mem.h>

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_MAX 64u   /* Datagrams in one pass: a flood must not keep us from sending ... */
#define FLOOD_US 1000u /* ... nor, at our priority, all others from working. */

static socklen_t name_len(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static void put_event(struct link *l, const struct event *e)
{
	struct inbox_item *i = inbox_item_new(INBOX_EVENT, NULL, 0);

	i->event = *e;
	inbox_put(l->inbox, i, INBOX_OTHER);
}

/* ---- The detector; under its lock ---- */

static void look(struct link *l, uint64_t now)
{
	struct detector_report report[CLUSTER_NODES_MAX];
	size_t n;

	if (now < l->beat.judge_from_us)
		return;
	pthread_mutex_lock(&l->lock);
	detector_set_quorum(&l->beat.detector, &l->quorum);
	pthread_mutex_unlock(&l->lock);
	n = detector_poll(&l->beat.detector, now, atomic_load(&l->applied), atomic_load(&l->last), report);
	for (size_t i = 0; i < n; i++)
		put_event(l, &(struct event){.type = EVENT_SUSPECT,
					     .suspect = {.node = report[i].node,
							 .suspect = report[i].suspect,
							 .silent_us = report[i].silent_us}});
}

static void publish(struct link *l, uint64_t now)
{
	bool isolated;

	atomic_store(&l->contact.contact_us, detector_contact_us(&l->beat.detector, now));
	if (detector_isolation(&l->beat.detector, now, &isolated))
		put_event(l, &(struct event){.type = EVENT_ISOLATION,
					     .isolation.isolated = isolated});
}

/* Before the core has judged who that is, it counts as alive, no more. */
static void take(struct link *l, uint32_t node, const uint8_t frame[HEARTBEAT_LEN], uint64_t now)
{
	struct beat_node *p = &l->beat.node[node];
	uint64_t verdict = atomic_load(&l->verdict[node]);
	bool judged = verdict / 2 == p->generation, accepted = judged && verdict % 2;

	if ((judged && !accepted) || !heartbeat_is_new(&p->newest_us, frame))
		return;
	if (!judged)
		detector_heard(&l->beat.detector, node, now);
	else if (detector_heartbeat_consume(&l->beat.detector, node, now, frame, HEARTBEAT_LEN) != OK)
		return;
	atomic_store(&l->clock_us[node], detector_node_clock(&l->beat.detector, node));
}

/* ---- What the link thread says ---- */

void beat_take(struct link *l, uint32_t node, uint64_t generation, const uint8_t *frame, size_t len)
{
	if (len != HEARTBEAT_LEN)
		return;
	pthread_mutex_lock(&l->beat.lock);
	if (l->beat.node[node].up && l->beat.node[node].generation == generation) {
		uint64_t now = boottime_us();

		take(l, node, frame, now);
		look(l, now);
	}
	pthread_mutex_unlock(&l->beat.lock);
}

void beat_create(struct link *l, uint32_t node, uint8_t frame[HEARTBEAT_LEN])
{
	pthread_mutex_lock(&l->beat.lock);
	detector_heartbeat_create(&l->beat.detector, node, boottime_us(), atomic_load(&l->last), frame);
	pthread_mutex_unlock(&l->beat.lock);
}

void beat_up(struct conn *c)
{
	struct beat_node *p = &c->link->beat.node[c->node];
	uint8_t exported[HEARTBEAT_EXPORT_LEN];

	tls_exporter(c->tls, HEARTBEAT_EXPORTER_LABEL, exported, sizeof(exported));
	pthread_mutex_lock(&c->link->beat.lock);
	heartbeat_keys_split(&p->keys, exported, !c->server);
	p->generation = c->generation;
	p->newest_us = 0;
	p->up = true;
	p->heard = false;
	pthread_mutex_unlock(&c->link->beat.lock);
	OPENSSL_cleanse(exported, sizeof(exported));
}

void beat_down(struct link *l, uint32_t node)
{
	pthread_mutex_lock(&l->beat.lock);
	l->beat.node[node].up = false;
	OPENSSL_cleanse(&l->beat.node[node].keys, sizeof(l->beat.node[node].keys));
	pthread_mutex_unlock(&l->beat.lock);
}

void beat_gone(struct link *l, uint32_t node)
{
	pthread_mutex_lock(&l->beat.lock);
	detector_gone(&l->beat.detector, node);
	look(l, boottime_us());
	pthread_mutex_unlock(&l->beat.lock);
}

bool beat_heard(struct link *l, uint32_t node)
{
	bool heard;

	pthread_mutex_lock(&l->beat.lock);
	heard = l->beat.node[node].heard;
	pthread_mutex_unlock(&l->beat.lock);
	return heard;
}

/* ---- The thread ---- */

/* True: there may be more. */
static bool read_all(struct link *l)
{
	uint8_t data[HEARTBEAT_DATAGRAM_LEN + 1], frame[HEARTBEAT_LEN];

	for (unsigned k = 0; k < READ_MAX; k++) {
		ssize_t n = recv(l->beat.fd, data, sizeof(data), MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0 && errno == ECONNREFUSED)
			continue; /* Somebody's port is closed: its links say so, too. */
		if (n < 0)
			return false;
		pthread_mutex_lock(&l->beat.lock);
		for (uint32_t i = 0; i < l->cluster->n_nodes && n == HEARTBEAT_DATAGRAM_LEN; i++) {
			struct beat_node *p = &l->beat.node[i];

			if (!p->up || heartbeat_datagram_open(&p->keys.its, data, (size_t)n, frame) != OK)
				continue;
			p->heard = true;
			take(l, i, frame, boottime_us());
			break;
		}
		pthread_mutex_unlock(&l->beat.lock);
	}
	return true;
}

static void send_all(struct link *l)
{
	uint8_t frame[HEARTBEAT_LEN], data[HEARTBEAT_DATAGRAM_LEN];

	for (uint32_t i = 0; i < l->cluster->n_nodes; i++) {
		struct beat_node *p = &l->beat.node[i];
		bool up;

		pthread_mutex_lock(&l->beat.lock);
		up = p->up;
		if (up) {
			detector_heartbeat_create(&l->beat.detector, i, boottime_us(), atomic_load(&l->last),
						  frame);
			heartbeat_datagram_create(&p->keys.ours, frame, data);
		}
		pthread_mutex_unlock(&l->beat.lock);
		if (up) /* One that is lost, or finds no room, is as late as the next is early. */
			(void)sendto(l->beat.fd, data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL,
				     (const struct sockaddr *)&p->to, name_len(&p->to));
	}
}

/* Heartbeats of ours that are that late: we may be lost to the others. */
static void tell_alive(struct link *l, uint64_t now)
{
	uint64_t before = atomic_load(&l->contact.alive_us);

	if (before && now - before > l->beat.detector.timeout_us)
		atomic_store(&l->contact.stopped_us, now);
	atomic_store(&l->contact.alive_us, now);
}

static bool pass(struct link *l)
{
	uint64_t now = boottime_us(), ticked = atomic_load(&l->ticked_us);
	bool more, late = l->beat.passed_us && now - l->beat.passed_us > l->beat.detector.timeout_us / 2;

	l->beat.passed_us = now;
	more = read_all(l);
	now = boottime_us();
	if (now >= l->beat.next_us) {
		tell_alive(l, now);
		l->beat.next_us = now + l->beat.detector.interval_us;
		if (!l->config->test.heartbeats_off && now < ticked + SILENCE_US && link_loop_lives(l, now))
			send_all(l);
	}
	pthread_mutex_lock(&l->beat.lock);
	if (late) /* We slept, not they: the links are read first, then we judge. */
		l->beat.judge_from_us = now + 2 * l->beat.detector.interval_us;
	look(l, now);
	publish(l, now);
	pthread_mutex_unlock(&l->beat.lock);
	return more;
}

static void *run(void *ctx)
{
	struct link *l = ctx;

	pthread_setname_np(pthread_self(), "baton-beat");
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), LINK_NICE); /* The link thread complains. */
	(void)privilege_keep(PRIVILEGE_NONE);
	while (!atomic_load(&l->beat.stop)) {
		struct pollfd p = {.fd = l->beat.fd, .events = POLLIN};
		uint64_t now = boottime_us(), us = l->beat.next_us > now ? l->beat.next_us - now : 0;
		struct timespec t = {.tv_nsec = (long)(us < 999999 ? us : 999999) * 1000};

		(void)ppoll(&p, 1, &t, NULL);
		if (pass(l))
			usleep(FLOOD_US);
	}
	return NULL;
}

/* ---- Life ---- */

int beat_open(struct link *l, const struct sockaddr_storage *at)
{
	l->beat.fd = socket(at->ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->beat.fd < 0)
		return -errno;
	return bind(l->beat.fd, (const struct sockaddr *)at, name_len(at)) ? -errno : 0;
}

void beat_init(struct link *l)
{
	pthread_mutex_init(&l->beat.lock, NULL);
	l->beat.fd = -1;
	detector_init(&l->beat.detector, l->cluster, boottime_us());
}

void beat_start(struct link *l)
{
	int rc;

	for (uint32_t i = 0; i < l->cluster->n_nodes; i++)
		l->beat.node[i].to = link_socket_address(&l->config->node[i].link);
	atomic_store(&l->ticked_us, boottime_us());
	rc = pthread_create(&l->beat.thread, NULL, run, l);
	assert(rc == 0);
	l->beat.started = true;
}

void beat_stop(struct link *l)
{
	atomic_store(&l->beat.stop, true);
	if (l->beat.started)
		pthread_join(l->beat.thread, NULL);
	l->beat.started = false;
	if (l->beat.fd >= 0)
		close(l->beat.fd);
	l->beat.fd = -1;
}

void beat_fini(struct link *l)
{
	OPENSSL_cleanse(l->beat.node, sizeof(l->beat.node));
	pthread_mutex_destroy(&l->beat.lock);
}
