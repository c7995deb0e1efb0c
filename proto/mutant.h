/* SPDX-License-Identifier: Apache-2.0 */
/* Planted bugs: each breaks one rule of the design, to show that a checker of the simulator or a
 * unit test notices (`make mutants`). In any other build MUTANT() is 0 and compiles to nothing. The
 * files that a proof rests on contain none; theirs are patches (test/sim/patches). */
#ifndef PROTO_MUTANT_H
#define PROTO_MUTANT_H

#define MUTANT_LIST(X)                                                                             \
	X(MUTANT_NONE, "none")                                                                     \
	X(MUTANT_OLD_INCARNATION, "a node acts on what its earlier incarnation owned")             \
	X(MUTANT_REPLY_EARLY, "a reply leaves before its command is committed")                    \
	X(MUTANT_REQUEST_EARLY, "a request of ours leaves before it is committed")                 \
	X(MUTANT_IV_GOES_BACK, "the IV counter starts anew with each leadership")                  \
	X(MUTANT_IV_WITHOUT_TERM, "leaders that drew the same salt share the IVs of IKE")          \
	X(MUTANT_NO_TOMBSTONE, "a deleted session leaves no tombstone, its half-open SA stays")    \
	X(MUTANT_SNAPSHOT_NO_LEASES, "snapshots are without leases")                               \
	X(MUTANT_CUT_LATE, "a snapshot has sessions as they are, not as they were at its index") \
	X(MUTANT_NO_ISOLATION, "isolation is ignored")                                             \
	X(MUTANT_CONTACT_APPLIED, "contact counts against applied state, not against the log")     \
	X(MUTANT_SEND_UNSTORED, "Raft messages leave before their transaction is durable")         \
	X(MUTANT_APPLY_LOCAL, "apply reads what is not in the log")                                \
	X(MUTANT_VOTE_FORGOTTEN, "a vote is not stored")                                           \
	X(MUTANT_RENEW_BY_STEP, "a SessionStep starts the leases of its Child SAs anew")           \
	X(MUTANT_STEP_NO_SERIAL, "a SessionStep does not compare the serial")                      \
	X(MUTANT_REQUEST_NO_DH, "a request of ours is committed without its private DH value")     \
	X(MUTANT_REFUSED_KEPT, "what a client made is not deleted when our rekey came to nothing") \
	X(MUTANT_ANSWER_WIDER, "a client's answer to our rekey may be wider than what it was asked for") \
	X(MUTANT_IKE_REKEY_BUSY, "the IKE SA is replaced while a Child SA is rekeyed or closed")   \
	X(MUTANT_RIVAL_FORGOTTEN, "a client takes no notice when both rekey a Child SA at once")   \
	X(MUTANT_INIT_TWICE, "a repeated IKE_SA_INIT gets other bytes")                            \
	X(MUTANT_COOKIE_UNCHECKED, "any cookie will do")                                           \
	X(MUTANT_HALF_OPEN_KEPT, "a half-open SA that was used up is answered again")              \
	X(MUTANT_TOMBSTONE_SHORT, "tombstones expire at once")                                     \
	X(MUTANT_TOMBSTONES_UNBOUNDED, "a client leaves as many tombstones as it likes")            \
	X(MUTANT_SAS_UNBOUNDED, "more Child SAs are granted than the tables have room for")        \
	X(MUTANT_FOLLOWER_COUNTS, "a client that re-authenticates finds no room when the tables are full") \
	X(MUTANT_CONTACT_OF_FOUR, "INITIAL_CONTACT ends as many sessions as one command does")     \
	X(MUTANT_NO_SPARE_PLACE, "the tables have no room for the replacements of what is granted")  \
	X(MUTANT_REFUSED_UNKNOWN, "nobody remembers whose IKE_AUTH was refused")                     \
	X(MUTANT_REFUSED_REMEMBERED, "the others keep the half-open SA of an IKE_AUTH that was refused") \
	X(MUTANT_FRAGMENT_OF_OTHER_MESSAGE, "fragments of two messages are put together")          \
	X(MUTANT_FRAGMENT_UNAUTHENTICATED, "a fragment is kept whoever made it")                   \
	X(MUTANT_INIT_BY_SPI, "an IKE_SA_INIT with the same SPI throws another exchange out")      \
	X(MUTANT_DELETE_NO_WAIT, "a DELETE is answered before the owner has applied it")           \
	X(MUTANT_SPI_REUSED, "SPIs are drawn from few, so a deleted SA's comes again")             \
	X(MUTANT_IP_NO_REST, "a freed virtual IP is given out without rest")                       \
	X(MUTANT_IP_REST_FOR_ALL, "a client that comes back at once does not get the address it had") \
	X(MUTANT_IP_TWICE, "a virtual IP in use is not known to be")                               \
	X(MUTANT_NO_RECONCILE, "a snapshot is installed and the SAs are not compared")             \
	X(MUTANT_NODE_UP_ONCE, "NodeUp is said once, and not again when it is superseded")         \
	X(MUTANT_HOLD_ISOLATED, "an isolated holder keeps the service addresses")                  \
	X(MUTANT_CONTACT_RECEIVED, "contact is when a heartbeat comes, not when what it echoes left") \
	X(MUTANT_LATE_MARK_IGNORED, "a mark below the highest known says nothing, whatever its epoch is") \
	X(MUTANT_LATE_MARK_KEPT, "marks of an epoch before the newest are not passed on")          \
	X(MUTANT_LATE_MARK_MASKED, "a lost owner does not tell its mark if it heard of a higher one") \
	X(MUTANT_LATE_MARK_UNSAID, "a lost owner does not propose its last mark when it learns of its loss") \
	X(MUTANT_AGE_NOT_CORRECTED, "the mark age leaves out how long a lost owner lived on")     \
	X(MUTANT_STOP_IGNORED, "a stopped owner lets waiting packets in before it can know that it was lost")    \
	X(MUTANT_AGE_RECEIVED, "marks count as fresh when they come, however long they were under way")    \
	X(MUTANT_ECHO_AHEAD, "a frame of marks echoes a clock that is ahead of what the worker has reported")    \
	X(MUTANT_ECHO_OF_SOME, "a frame of marks counts as if all were in it, though others still wait")    \
	X(MUTANT_AGE_OF_LAST, "the mark age leaves out what the lost owner had taken over just before")    \
	X(MUTANT_COLD_AGE_ZERO, "the mark age is 0 where nobody was heard, as after a loss of all power") \
	X(MUTANT_HEARTBEAT_REPEATED, "a heartbeat that is repeated, or overtaken, counts")        \
	X(MUTANT_LOGGED_UNLED, "marks count as logged within their time, whether somebody led or not") \
	X(MUTANT_MARKS_OF_ANYONE, "marks are taken from nodes that never were the owner")          \
	X(MUTANT_PROPOSALS_OF_ANYONE, "a node may propose what only a leader may")                 \
	X(MUTANT_ROWS_OF_ANYONE, "leases and marks are committed for a node that never was the owner")     \
	X(MUTANT_FRAMES_UNGREETED, "frames are taken from a node that was refused")                \
	X(MUTANT_OLD_STORE, "a node with an older copy of its store is let in")                    \
	X(MUTANT_STORE_CUT, "a store that lacks its last transaction is taken")                    \
	X(MUTANT_STORE_FLIPPED, "a record of the store need not authenticate")                     \
	X(MUTANT_CBC_IV_COUNTER, "the IV of CBC is a counter")                                     \
	X(MUTANT_CTR_IV_TWICE, "two packets in AES-CTR have one IV")                               \
	X(MUTANT_MOVE_FORGED, "a packet that nobody authenticated moves its session")              \
	X(MUTANT_MOVE_REPLAYED, "a replayed packet moves its session")                             \
	X(MUTANT_MOVE_OLDER, "an older packet moves its session back")                             \
	X(MUTANT_FORWARD_TWICE, "a forwarded packet is forwarded again")                           \
	X(MUTANT_SELECTORS_UNCHECKED, "inner packets are not compared with the selectors")          \
	X(MUTANT_REVOKE_IGNORED, "a revocation reaches the workers and changes nothing")           \
	X(MUTANT_MARKS_NOT_TOLD, "marks are not told before their epoch ends")                     \
	X(MUTANT_DEFERRED_KEPT, "what is deferred for a revoked SA is not handed on")                      \
	X(MUTANT_WAITING_KEPT, "what waits for a majority waits on when its grant is over")        \
	X(MUTANT_LEASE_TOLD_ONCE, "that a lease is empty is not told again")                       \
	X(MUTANT_ICMP_ERROR_ANY, "an ICMP error passes whatever packet it is about")               \
	X(MUTANT_ACK_UNFENCED, "marks of an epoch that is over are acknowledged")                  \
	X(MUTANT_INFORMED_AT_START, "a restarted voter counts as if it had forgotten nothing")        \
	X(MUTANT_MARK_PROPOSED_ONCE, "a mark whose proposal was lost waits for the next second")   \
	X(MUTANT_DONE_WITHOUT_MARKS, "an answer counts although its marks found no room")                    \
	X(MUTANT_DONE_OUTLIVES_MARKS, "an answer still counts when its marks had to be forgotten")       \
	X(MUTANT_ASKED_BEFORE, "what was asked for in an earlier epoch is asked for again")        \
	X(MUTANT_AGE_OF_NOTHING, "a mark age is measured though the lost node owned nothing")      \
	X(MUTANT_ACK_OF_BEFORE, "an acknowledgement counts that is older than the SA")             \
	X(MUTANT_LEADER_UNFIT, "a leader whose host does not let it serve keeps what it owns")          \
	X(MUTANT_CLOCK_WRONG_LEADS, "a leader with a wrong wall clock goes on leading")                 \
	X(MUTANT_CLOCK_TRUSTED, "dates are judged by a wall clock that nobody has confirmed")          \
	X(MUTANT_SUCCESSOR_UNFIT, "a node whose host does not let it serve inherits like any other")    \
	X(MUTANT_ONE_DONE, "a successor is content with the marks of one node") \
	X(MUTANT_SEAL_NONCE_CONSTANT, "commands are sealed with the same nonce") \
	X(MUTANT_HALF_OPEN_SOURCES, "one address may fill the table of half-open IKE SAs") \
	X(MUTANT_DELETED_ASKS, "a deleted IKE SA goes on asking") \
	X(MUTANT_NEXT_HEADER_UNCHECKED, "the ESP trailer may say another protocol than the packet") \
	X(MUTANT_ROUND_UNSHARED, "a round of IKE_AUTH is answered before the others have it") \
	X(MUTANT_ROUND_UNASKED, "a new leader does not ask how far a half-open SA has come") \
	X(MUTANT_RADIUS_UNSIGNED, "an answer of RADIUS is taken without Message-Authenticator") \
	X(MUTANT_COA_NO_AUTHENTICATOR, "a Disconnect-Request is taken without Message-Authenticator") \
	X(MUTANT_COA_STALE, "a Disconnect-Request is taken whatever its Event-Timestamp is") \
	X(MUTANT_COA_ANY_SOURCE, "a Disconnect-Request is taken from any address") \
	X(MUTANT_COA_TWICE, "a Disconnect-Request that is repeated is carried out again") \
	X(MUTANT_COA_EARLY, "a Disconnect-Request is answered before it is committed") \
	X(MUTANT_RADIUS_SOURCES, "one address may have all identifiers of a RADIUS server") \
	X(MUTANT_MSK_UNCHECKED, "a client with EAP need not show the key that EAP has left") \
	X(MUTANT_AUTH_ANY_ID, "IKE_AUTH is taken whatever its Message ID is") \
	X(MUTANT_TIMEOUT_FIXED, "late heartbeats make the detector no more patient")               \
	X(MUTANT_TIMEOUT_UNBOUNDED, "late heartbeats make the detector patient without end")       \
	X(MUTANT_OWN_DELAY_IGNORED, "the detector takes its own short delays for silence of the others") \
	X(MUTANT_NOTICE_EACH_MOVE, "each change of owner is told to the client at once") \
	X(MUTANT_REVOKED_ENTERS, "a revoked identity is let in by its IKE_AUTH")                   \
	X(MUTANT_REVOKED_SLIPS_IN, "a revocation does not stop an IKE_AUTH that is on its way")    \
	X(MUTANT_END_KEEPS_SAS, "a session that ends keeps its Child SAs until the client knows")  \
	X(MUTANT_POLICY_OF_ONE, "what one node's file lacks is ended")                             \
	X(MUTANT_LEVEL_UNGATED, "commands are written as the leader can, not as all can read them") \
	X(MUTANT_CERT_TIME_UNCHECKED, "a certificate counts whenever it is shown")                 \
	X(MUTANT_CERT_NAME_UNCHECKED, "a certificate counts for whoever shows it")                 \
	X(MUTANT_OTHER_NAMES_ENTER, "who is revoked comes in by another name of its certificate")       \
	X(MUTANT_IDS_UNCHECKED, "client_ids are not asked when a client is let in")                        \
	X(MUTANT_CERT_AUTH_UNCHECKED, "a peer that shows a certificate need not have its key")             \
	X(MUTANT_ANSWER_BEFORE_SHARED, "a question is asked outside before the others have it")    \
	X(MUTANT_DELETE_ENDS_SESSION, "a DELETE that nobody answers after our rekey ends the session") \
	X(MUTANT_OLD_DROPPED, "what our rekey replaces goes before the client has confirmed that") \
	X(MUTANT_MOVE_UNCHECKED, "MOBIKE: traffic goes to a new address before COOKIE2 came back from it") \
	X(MUTANT_FLOW_IS_NO_LIFE, "a client that does not answer DPD is dead although its packets come")       \
	X(MUTANT_VOLUME_GOES, "what a Child SA has carried goes with it") \
	X(MUTANT_UNIQUE_BOTH, "what a newer session replaces goes on")                              \
	X(MUTANT_SAME_NAME_SAME_CLIENT, "a name is the same client's however it is proved") \
	X(MUTANT_IDENTITY_SLIPS_IN, "apply() does not count the sessions of an identity")          \
	X(MUTANT_RESERVED_GIVEN, "an address that belongs to an identity is given to another")      \
	X(MUTANT_ECN_IGNORED, "congestion that a router outside has seen is not told inside")       \
	X(MUTANT_ROUTE_UNASKED, "a client has an address whose pool not all nodes route")          \
	X(MUTANT_ROUTE_GOES, "the route of a pool goes although sessions have addresses of it")    \
	X(MUTANT_STOP_TWICE, "the end of a session is told to RADIUS once more when it is gone")   \
	X(MUTANT_STOP_LOST, "a report to RADIUS counts as told once it has left")                  \
	X(MUTANT_ACCOUNT_ABOVE, "RADIUS is told twice what Child SAs that are gone had carried")   \
	X(MUTANT_PRUNE_UNASKED, "however many sessions a file lacks, nobody is asked")

enum mutant {
#define X(name, text) name,
	MUTANT_LIST(X)
#undef X
	MUTANT_COUNT
};

#ifdef BATON_MUTANTS
extern enum mutant mutant; /* Set by test/lib/mutant.c. */
#define MUTANT(m) (mutant == (m))
#else
#define MUTANT(m) 0
#endif

#endif
