/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses that move between nodes (DESIGN section 6): service addresses on the outer side,
 * inner addresses that the protected network routes the pool to, and the pool's route. While held
 * they stand as host addresses on the TUN device, so they vanish with the process; baton itself
 * answers ARP for them and announces them. Its own thread does all that, and gives everything up by
 * itself when the node is isolated. */
#ifndef XDP_HOST_ADDRESS_MOVER_H
#define XDP_HOST_ADDRESS_MOVER_H

#include "xdp/datapath.h"

struct address_mover;

/* Before anything else: blackhole routes for pools, service addresses and the subnets of the
 * inner ones, so that packets for and from clients never leave in clear, and the sysctls of the ports. Nothing
 * of it is undone at exit. 0, or a negative errno and what failed. */
int address_prepare(const struct datapath_config *config, char err[DATAPATH_ERR_LEN]);

struct address_wiring {
	unsigned tun;      /* Index of the TUN device, which is up. */
	uint32_t program;  /* Id of the XDP program on the outer interface; 0: none. */
	_Atomic uint32_t *outer_mtu; /* Gets each new one ... */
	_Atomic bool *detached;      /* ... and true when the program is gone. */
};

/* NULL and err on failure. */
struct address_mover *address_mover_start(const struct datapath_config *config,
					  const struct address_wiring *wiring,
					  char err[DATAPATH_ERR_LEN]);
void address_mover_stop(struct address_mover *m); /* Gives up what is held. */

/* Any thread; both return at once and are idempotent. */
void address_mover_hold(struct address_mover *m);
void address_mover_release(struct address_mover *m);
/* Returns at once, too: HOST_NEWS_POOLS says what came of it. */
void address_mover_pools(struct address_mover *m, const struct prefix_list *pools);
bool address_mover_holds(const struct address_mover *m);
/* Adds arp_replies and announcements. */
void address_mover_count(const struct address_mover *m, struct datapath_counters *counters);

#endif
