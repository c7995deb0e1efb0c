/* SPDX-License-Identifier: Apache-2.0 */
/* Planted bugs: each breaks one rule of the design, to show that the simulator's
 * checkers notice (`make mutants`). In any other build MUTANT() is 0 and gone. */
#ifndef PROTO_MUTANT_H
#define PROTO_MUTANT_H

#define MUTANT_LIST(X)                                                                             \
	X(MUTANT_NONE, "none")                                                                     \
	X(MUTANT_LEASE_EARLY, "a lease is used before it is applied")                               \
	X(MUTANT_LEASE_SHARED, "all epochs after a renewal have the same lease")                   \
	X(MUTANT_RESTART_GOES_ON, "a restarted process goes on in the epoch it had")               \
	X(MUTANT_OLD_INCARNATION, "a node acts on what its earlier incarnation owned")             \
	X(MUTANT_SAME_EPOCH, "a change of owner leaves the epoch as it is")                        \
	X(MUTANT_NEXT_KEPT, "the next number is kept over epochs")                                 \
	X(MUTANT_REPLY_EARLY, "a reply leaves before its command is committed")                    \
	X(MUTANT_REQUEST_EARLY, "a request of ours leaves before it is committed")                 \
	X(MUTANT_IV_GOES_BACK, "the IV counter starts anew with each leadership")                  \
	X(MUTANT_NO_TOMBSTONE, "a deleted session leaves no tombstone, its half-open SA stays")    \
	X(MUTANT_SNAPSHOT_NO_LEASES, "snapshots are without leases")                               \
	X(MUTANT_SNAPSHOT_KEEPS_SAS, "SAs that are gone with a snapshot stay with the workers")     \
	X(MUTANT_NO_MARKS, "marks are ignored at takeover")                                        \
	X(MUTANT_NO_HEARD_MARKS, "only committed marks count at takeover")                         \
	X(MUTANT_NO_ISOLATION, "isolation is ignored")                                             \
	X(MUTANT_CONTACT_APPLIED, "contact counts against applied state, not against the log")     \
	X(MUTANT_SEND_UNSTORED, "Raft messages leave before their transaction is durable")         \
	X(MUTANT_APPLY_LOCAL, "apply reads what is not in the log")                                \
	X(MUTANT_VOTE_FORGOTTEN, "a vote is not stored")

enum mutant {
#define X(name, text) name,
	MUTANT_LIST(X)
#undef X
	MUTANT_COUNT
};

#ifdef BATON_MUTANTS
extern enum mutant mutant; /* Set by the simulator. */
#define MUTANT(m) (mutant == (m))
#else
#define MUTANT(m) 0
#endif

#endif
