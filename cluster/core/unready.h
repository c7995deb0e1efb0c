/* SPDX-License-Identifier: Apache-2.0 */
/* Why a node is unready, as the core sees it. */
#ifndef CLUSTER_CORE_UNREADY_H
#define CLUSTER_CORE_UNREADY_H

#include "cluster/core/facts.h"

enum unready {
	UNREADY_NO_LEADER,
	UNREADY_WIPED,     /* ... and a majority of nodes has lost its stores. */
	UNREADY_OLD_STORE, /* ... and the store is too old to elect one by it. */
	UNREADY_ISOLATED,
	UNREADY_NOT_UP,    /* The applied state does not show this incarnation as up. */
	UNREADY_LEAVING,
	UNREADY_DIFFERS,   /* The leader has other facts (cluster_config.h); another policy is no reason. */
	UNREADY_UNFIT,     /* The host does not let it serve; the edge says why. */
	UNREADY_COUNT
};

#define UNREADY_TEXT_LEN 160u

uint32_t core_unready(const struct core *core); /* Bits 1 << enum unready; 0: it is ready. */
const char *unready_name(enum unready u);       /* One word. */
/* The meaning of a bit of core_unready(), as a sentence for the operator. */
void core_unready_text(const struct core *core, enum unready u, char text[UNREADY_TEXT_LEN]);

#endif
