/* SPDX-License-Identifier: Apache-2.0 */
/* What SAs have carried, from their owners into the log. Read it there: seq_record.volume of an SA,
 * session_volume() of a session. */
#ifndef CLUSTER_CORE_VOLUMES_H
#define CLUSTER_CORE_VOLUMES_H

#include "cluster/core/owned_sa.h"
#include "cluster/state/command.h"

struct core;
struct session;

void volumes_counted(struct core *c, const struct session *s, const struct sa_report *r);
/* A row of the SA goes into the log anyway: adds the volume. */
void volumes_ride(struct core *c, struct owned_sa *sa, struct seq_row *row);
void volumes_tick(struct core *c);

#endif
