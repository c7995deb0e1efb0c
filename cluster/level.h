/* SPDX-License-Identifier: Apache-2.0 */
/* The one number that says which encoding is written: of commands in the log, of snapshots, and of
 * what nodes say to each other.
 *
 * A program reads all levels from LEVEL_FIRST to its own, LEVEL. It writes the *committed* level:
 * what every member of the cluster can read, as the state says (state_level()). Each node tells its
 * own level in HELLO and NodeUp; once all members can read a higher one, the leader's next
 * ClusterTime raises the committed level, and it never falls. So nodes may be upgraded one after
 * the other, and downgraded until the last one is. A node that can read less than the committed
 * level is refused, and one whose store is of a higher level than its own ends.
 *
 * What a new level may bring, each behind the number of that level:
 *   - a field in a record: codec_since() in its field list (cluster/state/record.h); where it
 *     is not, it is zero, and nobody sets it below that level;
 *   - a new command: proposed only when state_level() has come to it;
 *   - a frame never changes its form: a new one is a new type, sent only when state_level()
 *     has come to it. HELLO alone may grow, at its end. */
#ifndef CLUSTER_LEVEL_H
#define CLUSTER_LEVEL_H

#define LEVEL_FIRST 1u
#define LEVEL 1u /* What this program reads, at most. */

#endif
