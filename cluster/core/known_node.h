/* SPDX-License-Identifier: Apache-2.0 */
/* What a node knows about another one. bootstrap.c writes it when a link comes up and a HELLO
 * arrives, core.c from the node's frames, membership.c from the detector. */
#ifndef CLUSTER_CORE_KNOWN_NODE_H
#define CLUSTER_CORE_KNOWN_NODE_H

#include <stdbool.h>
#include <stdint.h>

struct known_node {
	bool linked;         /* The link is up. */
	bool greeted;        /* Its HELLO came and was accepted. */
	bool refused;        /* It was not: frames from it are ignored. */
	bool refuses;        /* It will not work with us. */
	bool suspect;        /* By our failure detector. */
	bool leaving;        /* It said so, in this incarnation. */
	bool never_heard;    /* suspect since our start: not the detector's verdict yet. */
	bool differs;        /* Its facts are not ours (cluster_config.hash). */
	uint8_t level;       /* What it can read: HELLO. */
	bool unfit;          /* FRAME_FITNESS: its host does not let it serve. */
	uint64_t raft_id, incarnation, cluster_id;
	uint64_t applied;    /* FRAME_APPLIED, for the leader. */
	uint64_t stored_id, stored_index; /* What the node of this name had acknowledged when the link came up. */
	uint64_t silent_us;  /* When it became suspect: since when nothing was heard. */
	uint64_t admitted_us;
};

#endif
