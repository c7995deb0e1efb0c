/* SPDX-License-Identifier: Apache-2.0 */
/* The failure detector, pure: heartbeats with echoes between every pair of nodes. It answers two
 * questions: is a node dead, and when were we last in contact with a quorum. Contact is the *send*
 * time of our newest heartbeat that a majority of the voters, ourselves included, has echoed, once
 * we have applied all that their logs held then: a node that slept is not back before it knows what
 * happened meanwhile. A node that lost its store and joins anew does not count: it may have known
 * more before. So heartbeats carry their sender's Raft id. Contact follows logs, not applied
 * states: an entry that was committed while we slept is in at least one log of any majority, but a
 * voter that has just restarted has applied none of it. */
#ifndef CLUSTER_LINK_DETECTOR_H
#define CLUSTER_LINK_DETECTOR_H

#include "cluster/cluster_config.h"

/* How long a node may be silent depends on how late its heartbeats were lately: on a busy machine a
 * late one is no sign of death. While all are in time it is heartbeats_missed x heartbeat_ms, which
 * is the minimum; otherwise an interval plus twice the worst delay of the last seconds, up to
 * detection_max_ms. Our own delays count like theirs, so that the time grows before the first false
 * alarm. The end of a process shows otherwise: detector_gone(). */
#define HEARTBEAT_LEN 33u /* type octet, then four 64-bit numbers */

/* The voters, by the committed configuration that we know. */
struct detector_quorum {
	uint64_t self;                     /* Our Raft id. */
	uint64_t voter[CLUSTER_NODES_MAX]; /* Each configured node's Raft id; 0 = it has no vote. */
	uint32_t n_voters;                 /* Also those that are no longer configured. */
};

struct detector_node {
	uint64_t id;            /* Raft id that its last heartbeat told. */
	uint64_t heard_us;      /* Last heartbeat from it; 0 = never since it was last suspected. */
	uint64_t echoed_us;     /* Send time of our newest heartbeat that it echoed. */
	uint64_t its_send_us;   /* Its newest send time: what we echo. */
	uint64_t its_last;      /* Last index of its log at that time. */
	uint64_t waiting_us;    /* An echo that counts as soon as we have applied ... */
	uint64_t waiting_index; /* ... this; waiting_us 0 = none. */
	uint64_t contact_us;    /* The newest that counts. */
	uint64_t late_us;       /* The worst delay of a heartbeat of late, fading. */
	bool suspect;
};

struct detector {
	struct detector_node node[CLUSTER_NODES_MAX];
	uint32_t n, self;
	struct detector_quorum quorum;
	uint64_t interval_us, isolation_us;
	uint64_t timeout_us, timeout_max_us; /* Bounds of how long nothing may be heard. */
	uint64_t polled_us;     /* 0 = not yet */
	uint64_t late_us;       /* Our own worst delay of late, fading ... */
	uint64_t faded_us;      /* ... with each interval. */
	bool isolated;
};

struct detector_report {
	uint32_t node;
	bool suspect;
	uint64_t silent_us;
};

void detector_init(struct detector *d, const struct cluster_config *c, uint64_t now_us);
/* Before the first call nobody counts. */
void detector_set_quorum(struct detector *d, const struct detector_quorum *q);
/* A heartbeat frame (FRAME_HEARTBEAT) for a peer, to be sent now. last: our log's last index. */
void detector_heartbeat_create(struct detector *d, uint32_t node, uint64_t now_us, uint64_t last,
			       uint8_t out[HEARTBEAT_LEN]);
enum status detector_heartbeat_consume(struct detector *d, uint32_t node, uint64_t now_us,
				       const uint8_t *frame, size_t len) must_check;
/* How long it may be silent. */
uint64_t detector_timeout_us(const struct detector *d, uint32_t node);
/* When the newest of its heartbeats that we have left, by its clock; 0: none. */
uint64_t detector_node_clock(const struct detector *d, uint32_t node);
/* It is alive, but does not count for contact until it has been let in. */
void detector_heard(struct detector *d, uint32_t node, uint64_t now_us);
/* The link ended and a new connection was refused: the process is gone. */
void detector_gone(struct detector *d, uint32_t node);
/* Changes of verdict since the last call; at most d->n. Call it at least every interval: a longer
 * gap is our own pause, for which nobody is declared dead. applied, last: of our own log. */
size_t detector_poll(struct detector *d, uint64_t now_us, uint64_t applied, uint64_t last,
		     struct detector_report *out);
/* See above; `now_us` when a quorum is ourselves alone. */
uint64_t detector_contact_us(const struct detector *d, uint64_t now_us);
/* Did isolation begin or end? True when *isolated changed. */
bool detector_isolation(struct detector *d, uint64_t now_us, bool *isolated);

#endif
