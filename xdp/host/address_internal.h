/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the address mover: address_mover.c holds and announces addresses, address_follow.c
 * follows changes of the host, address_pools.c changes which pools are routed. One thread runs all. */
#ifndef XDP_HOST_ADDRESS_INTERNAL_H
#define XDP_HOST_ADDRESS_INTERNAL_H

#include "xdp/host/address_mover.h"
#include "xdp/host/arp.h"
#include "xdp/host/blackhole.h"
#include "xdp/host/host_watch.h"
#include "xdp/host/netlink.h"

#include <pthread.h>

enum host_reason { REASON_OUTER, REASON_INNER, REASON_ADDRESSES, REASONS };

struct follower { /* address_follow.c */
	struct host_watch *watch;
	void (*tell)(void *ctx, const struct host_event *event); /* May be NULL. */
	void *ctx;
	struct address_wiring wiring;
	uint32_t tun_mtu;       /* As configured; 0: it follows the outer interface's. */
	uint8_t family;         /* The outer addresses'. */
	bool look;              /* Something was told. */
	uint64_t look_at_us;    /* Also without. */
	bool again;             /* Addresses and routes have to be set again ... */
	uint64_t again_at_us;   /* ... but not before: somebody may be at odds with us. */
	char trouble[HOST_TEXT_LEN]; /* What of them could not be set; "": nothing. */
	bool told[REASONS];     /* Reasons that stand, ... */
	char why[REASONS][HOST_TEXT_LEN]; /* ... as they were told. */
	uint64_t good_us[REASONS]; /* They have been over since; 0: they are not. */
	bool leaving;
};

struct side { /* One port and the addresses that are asked for on it. */
	struct arp_port port;
	int nd; /* For IPv6, -1 if there is no such address. */
	struct address addresses[DATAPATH_ADDRESSES_MAX];
	size_t n;
	bool open;
};

struct address_mover {
	struct side outer, inner;
	struct prefix_list pools;     /* Whose routes are ours to keep. */
	struct blackholes fixed, blackholes; /* Without those of pools, and with them. */
	struct { /* address_mover_pools(): by any thread. */
		pthread_mutex_t lock;
		struct prefix_list pools;
		unsigned calls, done;
	} asked;
	unsigned tun;
	bool announce;
	uint32_t isolation_ms;
	const struct contact *contact;
	struct netlink netlink;
	int wake;
	pthread_t thread;
	bool started;
	_Atomic bool wanted, stands, stop;
	uint64_t held_at_us;       /* When the addresses were last taken. */
	unsigned announced;        /* Announcements made since. */
	_Atomic uint64_t replies, announcements;
	struct follower follower;
};

/* address_mover.c. NULL: no inner address of the family. */
const struct address *address_inner_source(const struct address_mover *m, uint8_t family);
/* The first that could not be done is described in trouble, else that is "". */
void address_stand(struct address_mover *m, bool up, char trouble[HOST_TEXT_LEN]);
/* Again; 0 or a negative errno, and its text. */
int address_lay_blackholes(struct address_mover *m, char err[DATAPATH_ERR_LEN]);
int address_prepare_port(const char *interface, char *err);
void address_announce_again(struct address_mover *m, uint64_t now_us);

/* address_pools.c: what address_mover_pools() has asked for, if it has since. */
void address_change_pools(struct address_mover *m);

/* address_follow.c */
int follow_start(struct address_mover *m, const struct datapath_config *c,
		 const struct address_wiring *wiring, char err[DATAPATH_ERR_LEN]);
void follow_stop(struct address_mover *m);
void follow_read(struct address_mover *m); /* The watch's descriptor is readable. */
void follow_pass(struct address_mover *m, uint64_t now_us); /* Looks, if it is time. */
void follow_tell(struct address_mover *m, const char *text); /* A line for the log. */
void follow_pools(struct address_mover *m); /* m->pools are done. */
/* What came of setting (or taking away) addresses and routes. */
void follow_trouble(struct address_mover *m, const char *trouble, uint64_t now_us);

#endif
