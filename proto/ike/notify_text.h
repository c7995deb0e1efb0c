/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the error types of NOTIFY (RFC 7296 3.10.1), for people and for counters. */
#ifndef PROTO_IKE_NOTIFY_TEXT_H
#define PROTO_IKE_NOTIFY_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define NOTIFY_ERRORS 18u /* Those with a name; index NOTIFY_ERRORS: all others. */
#define NOTIFY_TEXT_LEN 32u

size_t notify_error_index(uint16_t type);      /* 0 to NOTIFY_ERRORS */
const char *notify_error_name(size_t index);   /* "NO_PROPOSAL_CHOSEN"; "other" for the last. */
/* As in the RFC, or "NOTIFY 4711". */
const char *notify_format(uint16_t type, char text[NOTIFY_TEXT_LEN]);

#endif
