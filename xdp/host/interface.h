/* SPDX-License-Identifier: Apache-2.0 */
/* An interface of the host, as it is now. */
#ifndef XDP_HOST_INTERFACE_H
#define XDP_HOST_INTERFACE_H

/* NULL: it exists and is up. Else what is wrong with it, to be put after its name. */
const char *interface_missing(const char *name);

#endif
