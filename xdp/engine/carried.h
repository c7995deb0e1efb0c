/* SPDX-License-Identifier: Apache-2.0 */
/* What SAs have carried, reported to the control plane: with each mark, or within VOLUMES_US of the
 * packet where there is no mark. */
#ifndef XDP_ENGINE_CARRIED_H
#define XDP_ENGINE_CARRIED_H

#include "xdp/engine/engine.h"

#define VOLUMES_US 100000u

void carried_later(struct engine *e, struct sa *sa); /* It has risen. */
/* Not with others: its epoch ends. Asked for before the next one begins. */
void carried_now(struct engine *e, struct sa *sa);
void carried_told(struct sa *sa); /* In a report of another kind. */
void carried_forget(struct sa *sa);
/* Reports what is due; to be called at least every VOLUMES_US while there are e->volumes. */
void carried_report(struct engine *e);

#endif
