/* SPDX-License-Identifier: Apache-2.0 */
/* Marks: what was accepted, here and elsewhere, by epoch (DESIGN section 5). */
#ifndef CLUSTER_CORE_SEQUENCE_H
#define CLUSTER_CORE_SEQUENCE_H

#include "cluster/core/facts.h"
#include "proto/esp/sad.h"
#include "cluster/link/frame.h"
#include "cluster/state/mark.h"

struct core;
struct owned_sa;

/* Accepted by our worker; the SA is that child of the session. */
void sequence_marked(struct core *c, const struct session *s, unsigned child,
		     const struct sa_report *r);
void sequence_marks(struct core *c, uint32_t node, const struct frame *f);
/* Highest known in memory that was accepted in an epoch before that one. */
uint64_t sequence_before(const struct core *c, uint32_t spi_in, int64_t epoch);
/* To a node, all marks newer than the log's: of all slots, or of those that it or we own. */
void sequence_tell(struct core *c, uint32_t node, bool all);
void sequence_again(struct core *c, uint32_t spi_in); /* Our mark to all nodes once more. */
/* We owned it in that epoch, and no longer do: our last mark is sent and proposed. */
void sequence_ended(struct core *c, uint32_t spi_in, int64_t epoch);
void sequence_fall(struct core *c, uint32_t spi_in, int64_t epoch, uint64_t floor);
void sequence_tick(struct core *c);
uint64_t sequence_deadline_us(const struct core *c);
void sequence_init(struct core *c);
void sequence_fini(struct core *c);

#endif
