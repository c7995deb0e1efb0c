/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 6040: what routers on the outside say of congestion reaches those inside. The DSCP of the outer
 * header ends here: RFC 4301 5.1.2.1 lets it change on the way, and the inner one is the sender's. */
#include "xdp/engine/ecn.h"
#include "proto/mutant.h"
#include "xdp/engine/checksum.h"

#include <assert.h>

enum { NOT_ECT = 0, ECT_1 = 1, ECT_0 = 2, CE = 3, DROPPED = 4, ECN_MASK = 3 };

/* RFC 6040 4.2, figure 4: [inner][outer]. */
static const uint8_t onward[4][4] = {
	[NOT_ECT] = {[NOT_ECT] = NOT_ECT, [ECT_0] = NOT_ECT, [ECT_1] = NOT_ECT, [CE] = DROPPED},
	[ECT_0] = {[NOT_ECT] = ECT_0, [ECT_0] = ECT_0, [ECT_1] = ECT_1, [CE] = CE},
	[ECT_1] = {[NOT_ECT] = ECT_1, [ECT_0] = ECT_1, [ECT_1] = ECT_1, [CE] = CE},
	[CE] = {[NOT_ECT] = CE, [ECT_0] = CE, [ECT_1] = CE, [CE] = CE},
};

uint8_t ecn_traffic_class(const uint8_t *ip)
{
	if (ip[0] >> 4 == 4)
		return ip[1];
	return (uint8_t)(ip[0] << 4 | ip[1] >> 4);
}

static void set_ipv4(uint8_t *ip, uint8_t ecn)
{
	/* RFC 1624: ~(~HC + ~m + m'), of the word that changes. */
	uint64_t sum = (uint16_t)~(ip[10] << 8 | ip[11]);
	uint16_t check;

	sum += (uint16_t)~(ip[0] << 8 | ip[1]);
	ip[1] = (uint8_t)((ip[1] & ~ECN_MASK) | ecn);
	sum += (uint16_t)(ip[0] << 8 | ip[1]);
	check = (uint16_t)~checksum_fold(sum);
	ip[10] = (uint8_t)(check >> 8);
	ip[11] = (uint8_t)check;
}

enum drop ecn_decapsulate(uint8_t *ip, size_t len, uint8_t outer)
{
	uint8_t inner, next;

	assert(len >= 20);
	inner = ecn_traffic_class(ip) & ECN_MASK;
	next = onward[inner][outer & ECN_MASK];
	if (MUTANT(MUTANT_ECN_IGNORED))
		next = inner;
	if (next == DROPPED)
		return DROP_ECN;
	if (next == inner)
		return DROP_NONE;
	if (ip[0] >> 4 == 4)
		set_ipv4(ip, next);
	else
		ip[1] = (uint8_t)((ip[1] & ~(ECN_MASK << 4)) | next << 4);
	return DROP_NONE;
}
