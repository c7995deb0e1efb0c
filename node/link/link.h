/* SPDX-License-Identifier: Apache-2.0 */
/* The links between nodes: one mutual-TLS connection per pair, on their own thread, and the failure
 * detector on another. So a control loop that is busy for a second does not look like a dead node;
 * it is watched from here instead.
 *
 * Input goes to the inbox as INBOX_LINK, EVENT_FRAME, EVENT_SUSPECT and EVENT_ISOLATION; forwarded
 * packets go to the data path directly. */
#ifndef NODE_LINK_LINK_H
#define NODE_LINK_LINK_H

#include "cluster/link/detector.h"
#include "node/process/events.h"
#include "node/process/inbox.h"
#include "node/link/tls.h"
#include "xdp/datapath.h"

#include <stdatomic.h>

#define LINK_ERR_LEN 1024u
#define STRANGERS_MAX 64u         /* Connections that have proved nothing yet: of all ... */
#define STRANGERS_PER_ADDRESS 4u  /* ... of one address ... */
#define STRANGERS_PER_NODE 16u    /* ... of a node's address, besides. */

struct link;

struct link_options { /* All but the struct itself is borrowed until link_free(). */
	const struct node_config *config;
	struct tls_context *tls;
	struct events *events;
	struct inbox *inbox;
	uint64_t incarnation; /* This process's. */
};

/* Listens. NULL: err names the address and its field. */
struct link *link_new(const struct link_options *o, char err[LINK_ERR_LEN]);
/* Starts the thread. datapath (may be NULL) must outlive link_stop(). */
void link_start(struct link *l, struct datapath *datapath);
/* Sends what is queued if it can be sent at once, closes, ends the thread. What the
 * accessors below give stays readable until link_free(). Both accept NULL. */
void link_stop(struct link *l);
void link_free(struct link *l);

/* The control thread. Copies; leaves at link_flush(), or earlier. Lost silently if that connection is gone; a full
 * queue ends the connection, so that it begins anew with HELLO; so does a full inbox at the other end. */
void link_send(struct link *l, uint32_t node, uint64_t generation, const uint8_t *frame, size_t len);

void link_flush(struct link *l); /* The control thread, at the end of each round. */

/* The core's verdict on who is at the other end of that connection. Before it, the node counts as
 * alive, no more; forwarded packets are taken only from a node that the core works with. */
void link_judge(struct link *l, uint32_t node, uint64_t generation, bool accepted);

/* ---- Between the control loop and the detector ---- */
void link_set_log(struct link *l, uint64_t applied, uint64_t last); /* Indexes of our log. */
void link_set_quorum(struct link *l, const struct detector_quorum *q); /* Call it first. */
void link_answer(struct link *l); /* The control loop is alive: call it in every round. */
/* See struct clock_reading. */
uint64_t link_node_clock(const struct link *l, uint32_t node);
const struct contact *link_contact(const struct link *l); /* For the data path. */

struct link_counters {
	uint64_t frames_in, frames_out, octets_in, octets_out;
	uint64_t connections;    /* Established since the start. */
	uint64_t refused;        /* Handshakes that failed, or came from strangers. */
	uint64_t unproved;       /* Certificates that were good, but no proof with them. */
	uint64_t forwards_lost;  /* Packets that found a queue full. */
	uint64_t relays_lost;    /* IKE datagrams that did. */
	uint64_t loop_stalls;    /* Times the control loop did not answer for 100 ms. */
	uint64_t strangers;      /* Connections without a proof so far: now. */
	uint64_t evicted;        /* Those closed for others or for their rate. */
};
void link_count(const struct link *l, struct link_counters *out); /* Any thread. */
int64_t link_certificate_expires_in(const struct link *l, int64_t unix_now); /* Seconds. Any thread. */

#endif
