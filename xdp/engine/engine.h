/* SPDX-License-Identifier: Apache-2.0 */
/* One packet worker without its ports: bursts go in, bursts come out, stage by
 * stage (DESIGN section 8). It has no thread, socket or clock, so a test pushes
 * packets through the very code that runs on a gateway. Everything in it belongs
 * to one thread; only the counters may be read by others. */
#ifndef XDP_ENGINE_ENGINE_H
#define XDP_ENGINE_ENGINE_H

#include "xdp/engine/face.h"
#include "xdp/engine/sa.h"

#define BURST 64u
#define PACKET_HEAD_ROOM 128u /* Writable before an inner packet that is sealed. */
#define PACKET_TAIL_ROOM 64u  /* Writable behind it. */
#define PACKET_BUFFER 2304u   /* Head room, DATAPATH_PACKET_MAX and tail room. */
#define DEFERRED_MAX 1024u      /* Inbound packets that wait for marks, or after a stop ... */
#define DEFERRED_EXACT_MAX 128u /* ... of which for marks of exact SAs, which may take longer. */
#define WAITING_MAX 4096u       /* Accepted ones that wait for a majority. */

struct packet {
	uint8_t *data; /* Inbound: the ESP packet, then the inner one. Outbound: reverse. */
	size_t len;
	struct sad_path path; /* Inbound: as received. Outbound: where to. */
	const uint8_t *l2;    /* Link layer. Inbound: of the frame, if it came by AF_XDP.
			       * Outbound: of a recent frame of that peer, else NULL. */
	uint8_t l2_len;
	bool injected;        /* From another node: never forwarded again. */
	uint8_t tos;          /* Outbound: of the inner packet, for the outer header. */
	/* Between stages. */
	enum drop drop;       /* Why it goes no further. */
	bool done;            /* Deferred or forwarded: no longer ours. */
	uint8_t next_header;
	struct sa *sa;
	uint64_t seq;
	int64_t epoch;
};

/* Where bursts leave. An output sets p->drop of each packet it could not send. */
struct engine_output {
	void *ctx;
	void (*inner)(void *ctx, struct packet **packets, size_t n);
	void (*outer)(void *ctx, struct packet **packets, size_t n);
	/* An SA appears, got authentic packets in a burst, or goes. May be NULL. */
	void (*sa_put)(void *ctx, struct sa *sa);
	void (*sa_seen)(void *ctx, const struct sa *sa);
	void (*sa_del)(void *ctx, const struct sa *sa);
};

struct deferred_packet {
	uint32_t spi;
	bool injected;
	struct sad_path path;
	size_t len;
	uint8_t data[DATAPATH_PACKET_MAX];
};

#define REPORTS_MAX (4u * BURST)

struct engine {
	struct spi_table spis;
	struct route_table routes;
	uint8_t owner[SAD_SLOTS_MAX]; /* forwarding.c: by slot. */
	struct entropy entropy;
	uint32_t iv_salt;
	uint32_t replay_bits;
	uint32_t mss_mtu; /* TCP segments are made to fit inner packets of so many octets; 0: not. */
	struct datapath_face face;
	struct engine_output out;
	struct datapath_counters counters;
	uint64_t now_us;  /* This burst's; for ageing only. */
	uint64_t unreported_us; /* engine_unreported_us() */
	bool isolated;    /* No contact with a quorum: nothing is opened or sealed. */
	bool stopped;     /* We stood still: nothing is let in before a majority has answered. */
	bool resume_due;  /* Deferred packets may go on. */
	struct deferred_packet *deferred, *deferred_spare; /* DEFERRED_MAX each; they change places. */
	size_t n_deferred, n_deferred_exact;
	struct waiting_packet *waiting, *waiting_free; /* NULL until an SA needs it. */
	size_t waiting_used;
	struct sa *touched[BURST]; /* SAs with newly accepted numbers. */
	size_t n_touched;
	struct sa *marks;       /* SAs whose mark rose and is not reported yet. */
	uint64_t marks_at_us;   /* When marks were last reported. */
	struct sa *volumes;     /* SAs whose volume rose, most of them not reported yet. */
	uint64_t volumes_at_us; /* When volumes were last reported. */
	struct sa_report reports[REPORTS_MAX];
	size_t n_reports;
};

struct engine_config {
	uint32_t sa_max, replay_bits, iv_salt;
	uint32_t mss_mtu; /* See struct engine. */
	const uint8_t *seed;
	const struct datapath_face *face;
	const struct engine_output *out;
};

enum status engine_init(struct engine *e, const struct engine_config *config) must_check;
void engine_fini(struct engine *e); /* Frees every SA. */

/* Entries are made where they may take time and linked where they may not. */
struct sa *engine_sa_new(const struct sa_update *put, uint32_t replay_bits); /* NULL: refused. */
void engine_sa_free(struct sa *sa);

/* Applies one update. For SA_UPDATE_PUT, sa is adopted. */
void engine_update(struct engine *e, const struct sa_update *u, struct sa *sa);
/* After the last update of a series: lets deferred packets go that may. */
void engine_update_done(struct engine *e);

/* The process stood still so long that others may believe it dead: incoming packets are deferred,
 * because they may be another owner's by now, until it has heard what the others know and
 * engine_update() has applied that. */
void engine_stop(struct engine *e);
void engine_go_on(struct engine *e); /* Deferred packets go on. */

/* Before a burst; and after the last one, before the caller waits for more. */
void engine_begin(struct engine *e, uint64_t now_us);
void engine_rest(struct engine *e);
/* All that was accepted before then has been reported; UINT64_MAX: everything has. Any thread. */
uint64_t engine_unreported_us(const struct engine *e);

/* One burst, n <= BURST. Packets are processed in place and are spent after. */
void engine_inbound(struct engine *e, struct packet *packets, size_t n);
void engine_outbound(struct engine *e, struct packet *packets, size_t n);

/* Marks are reported at the end of a burst, but at most every MARKS_US. True: some
 * are left, so call again within MARKS_US, with now_us set. */
#define MARKS_US 1000u
bool engine_marks(struct engine *e);

/* ---- For the stages ---- */

/* It goes on to the next one. */
static inline bool packet_alive(const struct packet *p)
{
	return p->drop == DROP_NONE && !p->done;
}

/* Those of the burst that go on, in order; returns how many. */
static inline size_t packets_alive(struct packet *packets, size_t n, struct packet *alive[BURST])
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		if (packet_alive(&packets[i]))
			alive[count++] = &packets[i];
	return count;
}

void engine_mark_later(struct engine *e, struct sa *sa);
void engine_mark_now(struct engine *e, struct sa *sa); /* With the next reports. */
void engine_report(struct engine *e, const struct sa *sa, enum sa_report_kind kind, uint64_t seq);
void engine_report_from(struct engine *e, const struct sa *sa, enum sa_report_kind kind,
			uint64_t seq, const struct endpoint *remote);
void engine_report_flush(struct engine *e);
void engine_drop(struct engine *e, enum drop d);

/* One writer, any reader: a plain add that cannot tear. */
static inline void counter_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

#endif
