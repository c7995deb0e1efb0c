/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the links: link.c has the thread and the peers, heartbeat.c its periodic work, heartbeat_thread.c the
 * detector, link_send.c the interface for other threads, connection.c one connection, stranger.c unproved connections,
 * link_proof.c the proof. */
#ifndef NODE_LINK_LINK_INTERNAL_H
#define NODE_LINK_LINK_INTERNAL_H

#include "node/link/link.h"
#include "node/link/tls.h"

#include "cluster/link/detector.h"
#include "cluster/link/frame.h"
#include "cluster/link/heartbeat_datagram.h"
#include "cluster/link/proof.h"

#include "node/process/wakeup.h"
#include "xdp/thread/clock.h"

#include <uv.h>

#define CHUNK_MAX 32768u             /* Octets of a frame sent in one piece. */
#define URGENT_MAX 4096u             /* Heartbeats and packets are shorter. */
#define HELLO_MAX 1024u              /* Longest frame before HELLO. */
#define FRAME_SHORT_MAX (128u << 10) /* All but Raft messages. */
#define QUEUE_MAX (FRAME_LEN_MAX + (16u << 20))
#define QUEUE_URGENT_MAX (1u << 20)
#define QUEUE_RELAY_MAX (1u << 20)   /* Its part for IKE datagrams, which anybody may have sent. */
#define HANDSHAKES_PER_S 100u        /* Begun with strangers that come from no node's address. */
#define HANDSHAKE_US 1000000u
#define STRANGER_US 500000u          /* The same for those. */
#define DIAL_US 500000u
#define SILENCE_US 500000u           /* Nothing received: the connection is given up. */
#define BACKOFF_UNPROVED_MS 5000u    /* Until a node that has no proof is dialed again. */
#define LINK_NICE (-15)              /* Priority of the threads that send heartbeats. */

struct out_frame {
	struct out_frame *next;
	size_t len;
	uint8_t data[];
};

struct out_queue {
	struct out_frame *first, **end;
	size_t octets;
};

enum conn_state { CONN_DIALING, CONN_HANDSHAKE, CONN_PROVING, CONN_UP, CONN_CLOSING };

struct conn { /* Freed when its handle is closed. */
	uv_tcp_t tcp;
	uv_connect_t dial;
	struct link *link;
	struct conn *next; /* link->conns */
	struct tls *tls;
	enum conn_state state;
	bool server, probe;
	bool stranger;     /* Has not proved to be a node, and is counted as such ... */
	bool reserved;     /* ... with those that come from a node's address. */
	struct address from; /* Where a stranger connects from. */
	uint32_t node;     /* The node that we dialed, or that it proved to be; CLUSTER_NODES_MAX. */
	uint64_t started_us, heard_us;
	bool greeted;      /* Its HELLO came. */
	bool unproved;     /* It ends because its proof is wrong. */
	uint64_t incarnation; /* That it has proved. */
	uint64_t generation;  /* Its link's: node_link.generation. */
	size_t writing;    /* Octets handed to libuv and not yet written. */
	struct out_frame *sending; /* Partly sent frame ... */
	size_t sent;               /* ... and how far. */
	uint8_t head[4];
	size_t head_len;
	uint8_t *chunk;    /* CHUNK_MAX, from the first one on: strangers have none. */
	size_t chunk_len, chunk_want;
	uint8_t *frame;    /* The frame that its chunks add up to. */
	size_t frame_len, frame_room;
};

struct node_link {
	struct conn *up;       /* The link, or NULL. */
	struct conn *dialing;
	uint64_t generation;   /* The link's; under link->lock. */
	bool open;             /* Under link->lock: link_send() may queue. */
	bool overflow;         /* Under link->lock: end the connection. */
	struct out_queue queue, urgent; /* Under link->lock. */
	uint64_t dial_at_us;
	uint32_t backoff_ms;
	unsigned probes;       /* Still to be made after the link's end. */
	uint64_t up_us;
	bool datagrams_told;   /* That none of its heartbeats come as datagrams, or some do. */
	struct {
		uint64_t since_us; /* Trouble with it was logged: this period's begin ... */
		unsigned lines;    /* ... what was said in it ... */
		unsigned withheld; /* ... and what was not. */
		char text[TLS_ERR_LEN]; /* The last line. */
	} said;
};

struct beat { /* heartbeat_thread.c */
	pthread_mutex_t lock;
	struct detector detector;   /* Under the lock, but for its times. */
	struct beat_node {          /* Under the lock, but for where it listens. */
		struct sockaddr_storage to;
		struct heartbeat_keys keys; /* The link's, if it is up. */
		uint64_t generation;
		uint64_t newest_us; /* Its newest heartbeat left then, by its clock. */
		bool up;
		bool heard;         /* A datagram came. */
	} node[CLUSTER_NODES_MAX];
	uint64_t judge_from_us;     /* Under the lock. */
	uint64_t passed_us, next_us; /* That thread's. */
	int fd;
	pthread_t thread;
	bool started;
	_Atomic bool stop;
};

struct link {
	const struct node_config *config;
	const struct cluster_config *cluster;
	struct tls_context *tls;
	struct events *events;
	struct inbox *inbox;
	struct datapath *datapath;
	uint64_t incarnation;
	uv_loop_t loop;
	uv_tcp_t listener;
	uv_timer_t tick;
	struct wakeup wake;
	bool arrived;            /* Frames are in the inbox, of which the control loop has not been told. */
	pthread_t thread;
	bool started, stopping;
	_Atomic bool stop;
	struct conn *conns;
	unsigned handshakes;    /* Strangers may begin so many now, ... */
	uint64_t handshakes_us; /* ... counted up to then. */
	struct beat beat;
	_Atomic uint64_t ticked_us; /* This thread turned. */
	uint64_t read_first_us, certificate_us;
	uint64_t generations;
	pthread_mutex_t lock;
	struct node_link node[CLUSTER_NODES_MAX];
	struct detector_quorum quorum; /* As the control thread sees it; under the lock. */
	bool unsent;          /* The control thread's: it has queued something since it woke us. */
	uint64_t beat_us;     /* Heartbeats were sent through the links. */
	uint8_t read_buffer[16384]; /* The loop goes on after 32 of them. */

	struct contact contact;
	_Atomic uint64_t clock_us[CLUSTER_NODES_MAX]; /* detector_node_clock() */
	_Atomic uint64_t applied, last;
	_Atomic uint64_t asked_us, answered_us; /* Liveness of the control loop. */
	/* The core's verdict on a link: twice its generation, plus 1 if it works with that node. */
	_Atomic uint64_t verdict[CLUSTER_NODES_MAX];
	bool stalled, silent; /* The control loop does not answer; others were left to notice it. */
	bool behind;          /* A frame found no room, and the inbox has been crowded since. */
	_Atomic uint64_t frames_in, frames_out, octets_in, octets_out, connections, refused,
		forwards_lost, relays_lost, loop_stalls, strangers, evicted, unproved;
};

/* connection.c */
struct conn *conn_new(struct link *l, bool server, uint32_t node);
void conn_accept(struct conn *c); /* Its TCP connection stands: begin TLS. */
void conn_close(struct conn *c);  /* Idempotent. */
void conn_pump(struct conn *c);   /* Sends what is queued for its peer. */
void conn_heartbeat(struct conn *c, const uint8_t frame[HEARTBEAT_LEN]);
bool conn_say(struct conn *c, const uint8_t *frame, size_t len); /* At once. False: it ended. */

/* link_proof.c */
void link_prove(struct conn *c); /* TLS stands: who we are. */
void link_proved(struct conn *c, const uint8_t *frame, size_t len); /* Its proof, or not: up, or closed. */
bool link_hello_fits(const struct conn *c, const uint8_t *frame, size_t len); /* ... the proof. */

/* stranger.c */
bool stranger_admit(struct conn *c); /* Makes room for it; false: too many came lately. */
void stranger_leave(struct conn *c); /* It has authenticated, or ends. */

/* link.c */
bool link_established(struct conn *c);    /* c->node is known; false: not wanted. */
void link_ended(struct conn *c);          /* Once, for every connection. */
void link_frame(struct conn *c, const uint8_t *frame, size_t len);
void link_arrived(struct link *l); /* What came together wakes the control loop once. */
void link_dial(struct link *l, uint32_t node);
struct sockaddr_storage link_socket_address(const struct endpoint *e);
void link_say(struct link *l, uint32_t node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* heartbeat.c */
void link_tick(uv_timer_t *timer);
/* Heartbeats, if they are due: called between two pieces of any work. */
void link_beat(struct link *l);
/* A loop that has not answered for `isolation` stands still for good, as far as anybody can tell. This node falls
 * silent by then, because contact counts by what is applied; the others must be able to take over. */
bool link_loop_lives(const struct link *l, uint64_t now);
void link_heartbeat(struct conn *c);
void link_urgent(struct conn *c, const uint8_t *frame, size_t len);

/* heartbeat_thread.c: what the link thread tells it */
void beat_init(struct link *l);
int beat_open(struct link *l, const struct sockaddr_storage *at); /* 0, or -errno. */
void beat_start(struct link *l);
void beat_stop(struct link *l);
void beat_fini(struct link *l);
void beat_up(struct conn *c); /* Its generation is known. */
void beat_down(struct link *l, uint32_t node);
void beat_gone(struct link *l, uint32_t node); /* Nobody listens there. */
void beat_create(struct link *l, uint32_t node, uint8_t frame[HEARTBEAT_LEN]);
/* A heartbeat that came through that link. */
void beat_take(struct link *l, uint32_t node, uint64_t generation, const uint8_t *frame, size_t len);
bool beat_heard(struct link *l, uint32_t node); /* Some came as datagrams. */

#endif
