/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be told to RADIUS of sessions (RFC 2866), and was not answered yet: a *report*. The
 * command that makes a session makes its Start, and the one that ends it its Stop, so no leader
 * that is lost takes one along. */
#ifndef CLUSTER_STATE_ACCOUNTING_REPORT_H
#define CLUSTER_STATE_ACCOUNTING_REPORT_H

#include "cluster/state/state.h"
#include "proto/auth/radius_accounting.h"

#include <uthash.h>

#define ACCOUNTING_MAX 16384u                 /* Reports; the oldest makes room. */
#define ACCOUNTING_INTERIM_MAX (ACCOUNTING_MAX / 2) /* No Interim-Update is made beyond. */

struct accounting_report {
	uint64_t id;        /* They have an order. Its last octet is the RADIUS identifier. */
	uint64_t key;       /* accounting_key(): a session has one of each. */
	uint64_t session, spi; /* Acct-Session-Id */
	uint8_t status;     /* enum radius_status */
	uint8_t cause;      /* A Stop's: enum radius_cause; else 0. */
	uint64_t made_ms;   /* Cluster time of what it says, ... */
	uint64_t unix_s;    /* ... what a wall clock said then; 0: unknown ... */
	uint64_t given_ms;  /* ... and when it got its id: it may be made anew. */
	uint32_t session_s;
	struct volume volume;
	struct address framed, called, calling;
	struct blob *attributes; /* struct ike_account's. */
	UT_hash_handle hh, by_key;
};

/* In ascending id; NULL at the end. Valid until the next apply. */
const struct accounting_report *state_next_report(const struct state *s, const struct accounting_report *after);
const struct accounting_report *state_report(const struct state *s, uint64_t id);
/* The session's, of that status; NULL: there is none. */
const struct accounting_report *state_report_of(const struct state *s, uint64_t session, uint8_t status);
size_t state_reports(const struct state *s);
uint64_t state_reports_lost(const struct state *s); /* How many found no room since the beginning. */
/* Is it time for an Interim-Update of the session? */
bool state_report_is_due(const struct state *s, const struct session *session);

#endif
