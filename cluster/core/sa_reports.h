/* SPDX-License-Identifier: Apache-2.0 */
/* What the packet workers report about SAs. */
#ifndef CLUSTER_CORE_SA_REPORTS_H
#define CLUSTER_CORE_SA_REPORTS_H

#include "proto/esp/sad.h"

struct core;

void sa_reports(struct core *c, const struct sa_report *reports, size_t n);

#endif
