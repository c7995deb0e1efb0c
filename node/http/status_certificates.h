/* SPDX-License-Identifier: Apache-2.0 */
/* When the certificates and CRLs of connections expire, and that of the node's link: for each key what ends first. */
#ifndef NODE_HTTP_STATUS_CERTIFICATES_H
#define NODE_HTTP_STATUS_CERTIFICATES_H

#include "node/http/status_json.h"

#include <stdio.h>

json_t *status_certificates(const struct status_view *v); /* [{"connection","key","name","expires_in_s"}, ...] */
void status_certificates_metrics(FILE *f, const struct status_view *v);

#endif
