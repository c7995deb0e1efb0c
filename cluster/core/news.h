/* SPDX-License-Identifier: Apache-2.0 */
/* What owners tell the leader of their clients. */
#ifndef CLUSTER_CORE_NEWS_H
#define CLUSTER_CORE_NEWS_H

#include "cluster/link/frame.h"
#include "cluster/core/owned_sa.h"

struct core;

void news_send(struct core *c, enum session_news what, const struct sa_report *r);
void news_receive(struct core *c, const struct frame *f); /* At the leader. */
/* A client stays below the horizon: told again until its Child SA has a successor. */
void news_below(struct core *c, const struct sa_report *r);
void news_tick(struct core *c);
void news_init(struct core *c);
void news_fini(struct core *c);

#endif
