/* SPDX-License-Identifier: Apache-2.0 */
/* A disk with the face of the real store: transactions become durable whole and
 * in order, some time after they were asked for; a crash loses the rest, except
 * that the last ones may have made it without anyone having heard. */
#ifndef TEST_SIM_DISK_H
#define TEST_SIM_DISK_H

#include "cluster/store.h"

#include <stdint.h>

struct host;
struct disk_write;

struct disk {
	struct host *host;
	struct store_image image;   /* What is durable. */
	struct blob *identity;
	struct disk_write *writes;  /* What is on its way, in order. */
	uint64_t slow_us;           /* Added to each sync: a disk that stalls. */
	uint64_t last_us;           /* When the last one will be done. */
};

void disk_init(struct disk *d, struct host *h);
void disk_fini(struct disk *d);
void disk_store(struct disk *d, struct store_update *u); /* Adopts u; DELIVER_STORED follows. */
void disk_store_identity(struct disk *d, struct blob *identity); /* Takes a reference. */
void disk_crash(struct disk *d);
void disk_wipe(struct disk *d); /* Empty, as after a reinstallation. */

#endif
