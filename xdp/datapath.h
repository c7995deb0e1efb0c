/* SPDX-License-Identifier: Apache-2.0 */
/* The packet side of a node, behind one interface: everything that ESP packets and inner packets
 * pass through (DESIGN sections 5 and 8), and the addresses they are sent to (DESIGN section 6).
 * The control plane posts struct sa_update, and gets struct sa_report, IKE datagrams and packets of
 * other owners back.
 *
 * Threads: one worker thread owns every SA; one more answers ARP and ND. Between start and stop
 * every function here may be called from any thread; updates are applied in the order in which
 * datapath_post() was called. The callbacks of struct datapath_face run on the *worker* thread:
 * they must only copy and queue, and must not call back into the datapath. */
#ifndef XDP_DATAPATH_H
#define XDP_DATAPATH_H

#include "xdp/engine/face.h"
#include "proto/wire/prefix_list.h"
#include "xdp/thread/contact.h"

#include <sys/types.h>

#define DATAPATH_ERR_LEN 256u
#define DATAPATH_ADDRESSES_MAX 16u /* For each kind: service, inner. */
#define DATAPATH_OTHERS_MAX 4u     /* UDP sockets beside IKE's. */
#define DATAPATH_TUN_MTU 1400u     /* Less where the outer interface has no room for that ... */
#define DATAPATH_TUN_MTU_MIN 576u  /* ... but not less than this: then outer packets are cut. */

enum datapath_mode { DATAPATH_AUTO, DATAPATH_XDP, DATAPATH_SOCKET };

enum host_event_kind {
	HOST_NEWS_EVENT, /* Something was followed, or could not be. */
	HOST_NEWS_UNFIT, /* The node cannot serve because of that ... */
	HOST_NEWS_OVER,  /* ... and is no longer hindered by it. */
	HOST_NEWS_POOLS, /* datapath_pools() is done; what stands: */
	HOST_NEWS_LEAVE  /* It never will again: hand over, end, restart. */
};

struct host_event { /* About the host under the data path. */
	enum host_event_kind kind;
	const char *name; /* UNFIT, OVER, LEAVE: one word, the reason's. */
	const char *text; /* A sentence for the operator. */
	bool fit;         /* No reason stands. */
	const struct prefix_list *pools; /* POOLS */
};

/* The largest inner packet where the outer interface has that MTU. family: of the outer
 * addresses, 4 or 6. */
uint32_t datapath_tun_mtu(int outer_mtu, uint8_t family);

struct datapath_config { /* Borrowed during datapath_start(), contact until datapath_stop(). */
	enum datapath_mode mode;     /* XDP: fail rather than fall back to sockets. */
	const char *outer_interface; /* Where clients come in. */
	const char *inner_interface; /* Towards the protected network. May equal outer. */
	const char *tun;             /* Name of the TUN device to make. */
	uint16_t tun_mtu;            /* 0: what the outer interface has room for. */
	bool mss_clamp;              /* TCP segments are made to fit that. */
	const struct prefix *addresses; /* What clients connect to; bits name the subnet only. */
	size_t n_addresses;
	const struct prefix *inner_addresses; /* What the inside routes the pool to. */
	size_t n_inner_addresses;
	/* More UDP sockets, on addresses that are among those above, or any: what comes there goes
	 * to face->ike() as it is. */
	const struct endpoint *others;
	size_t n_others;
	struct prefix_list pools;   /* Virtual IPs: routed inside. */
	bool announce;              /* `vip`: answer and announce by ARP. `lb`: false. */
	uint32_t iv_salt;           /* 32 random bits of this incarnation; esp_iv(). */
	uint8_t seed[ENTROPY_SEED_LEN]; /* For AES-CBC's IVs. The caller cleanses its copy. */
	uint32_t replay_bits;       /* 0: REPLAY_BITS_DEFAULT. */
	uint32_t sa_max;            /* Capacity in SAs; 0: 65536. */
	/* Contact with a quorum, written by the control plane. Older than isolation_ms: nothing is
	 * sealed or opened, no address is held, until it is newer again. After a stop of more than
	 * stop_ms: nothing is let in before it is newer than the stop. isolation_ms 0 (one node):
	 * neither, contact may be NULL. */
	uint32_t isolation_ms, stop_ms;
	const struct contact *contact;
	/* Address thread; must only copy and queue. May be NULL. */
	void (*host_event)(void *ctx, const struct host_event *event);
	void *host_ctx;
};

struct datapath;

/* Adds blackhole routes, makes the TUN device, opens ports and starts threads. On failure NULL,
 * with the reason in err. Needs CAP_NET_ADMIN, CAP_NET_RAW, CAP_NET_BIND_SERVICE and, for XDP, CAP_BPF
 * and CAP_PERFMON. face is copied. */
struct datapath *datapath_start(const struct datapath_config *config,
				const struct datapath_face *face, char err[DATAPATH_ERR_LEN]);
/* Stops threads, wipes keys; the blackhole routes stay. NULL is accepted. */
void datapath_stop(struct datapath *dp);

/* Queues changes, in order; copies. Keys are set up here, on the caller's
 * thread. A PUT of a known SPI keeps the old entry.
 * ERR_CRYPTO: the library refused the keys of a PUT, which is left out; the rest
 * is queued. ERR_FULL: no memory; the rest may be missing.
 * *ticket (may be NULL) comes back in face->applied. */
enum status datapath_post(struct datapath *dp, const struct sa_update *updates, size_t n,
			  uint64_t *ticket) must_check;

/* A packet that another node forwarded here. It is never forwarded again.
 * ERR_FULL: the queue is full, the packet is dropped and counted. ERR_TOO_LONG: longer than
 * DATAPATH_PACKET_MAX; not counted here. */
enum status datapath_inject(struct datapath *dp, const struct datapath_forward *f) must_check;

/* Sends one IKE message from local (port 500, or 4500: the non-ESP marker is
 * added), or another datagram from one of `others`. Works whether or not this node holds local, as
 * long as there is a socket for it. ERR_NOT_FOUND, ERR_TOO_LONG, ERR_IO. */
enum status datapath_send_ike(struct datapath *dp, const struct endpoint *local,
			      const struct endpoint *remote, const void *data, size_t len) must_check;

/* A NAT keepalive is not sent by us; a client's is swallowed. */

/* Takes or gives up all service and inner addresses. Returns at once: the work is
 * done, and announcements repeated, by the address thread. Idempotent. */
void datapath_hold(struct datapath *dp);
void datapath_release(struct datapath *dp);
bool datapath_holds(const struct datapath *dp); /* Stand on the device now. */

/* These pools shall be routed, and no other one. Returns at once; the address thread does it, lays blackholes first,
 * and tells what stands by HOST_NEWS_POOLS, once for each call. */
void datapath_pools(struct datapath *dp, const struct prefix_list *pools);

/* ---- What can be seen ---- */

void datapath_count(const struct datapath *dp, struct datapath_counters *out); /* Any thread. */
uint64_t datapath_sas_refused(const struct datapath *dp); /* That counter alone. */
/* engine_unreported_us(), by the boot-time clock. Any thread. */
uint64_t datapath_unreported_us(const struct datapath *dp);

enum datapath_mode datapath_mode(const struct datapath *dp); /* XDP or SOCKET. */
/* For status and log: "xdp native", "socket"; why the better rungs failed or "". */
const char *datapath_mode_text(const struct datapath *dp);
const char *datapath_mode_why(const struct datapath *dp);

struct datapath_sa_stats {
	uint64_t session;
	uint32_t spi_in, spi_out;
	bool granted, defer, outbound;
	int64_t epoch;
	uint64_t next, end;   /* Outbound lease. */
	uint64_t top, floor;  /* Inbound window. */
	struct volume volume; /* Carried, by all owners, as far as this node knows. */
	struct endpoint remote; /* Where packets are sent to. */
};
/* Snapshots n SAs by spi_in; session 0 in out[i] where there is none. The worker
 * fills them in between two bursts; waits for it (microseconds to some ms). */
void datapath_sa_stats(struct datapath *dp, const uint32_t *spi_in, size_t n,
		       struct datapath_sa_stats *out);

#endif
