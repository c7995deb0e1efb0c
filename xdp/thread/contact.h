/* SPDX-License-Identifier: Apache-2.0 */
/* What the thread that sends heartbeats tells the data path: CLOCK_BOOTTIME, microseconds. */
#ifndef XDP_CONTACT_H
#define XDP_CONTACT_H

#include <stdatomic.h>
#include <stdint.h>

struct contact {
	/* The newest heartbeat of ours that a majority has echoed left then. It counts only once
	 * the applied state, and what follows from it for the data path, has caught up with what
	 * they knew. */
	_Atomic uint64_t contact_us;
	/* It found then that it had not run for longer than others wait for heartbeats; 0: never.
	 * Written before alive_us. */
	_Atomic uint64_t stopped_us;
	_Atomic uint64_t alive_us; /* When it last ran; 0: unknown. */
};

#endif
