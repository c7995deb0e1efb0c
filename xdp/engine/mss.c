/* SPDX-License-Identifier: Apache-2.0 */
/* Where ICMP errors are filtered a sender never learns that its segments do not fit. RFC 4459 3.2: the
 * tunnel's end tells both ends of a connection a segment size that fits, in their own SYNs.
 *
 * The option is read as RFC 9293 3.1 says, kind by kind; a list that does not add up is left alone,
 * for whoever it is for to judge. A SYN without the option means 536 octets or 1220: those fit. */
#include "xdp/engine/mss.h"
#include "xdp/engine/checksum.h"

#include <assert.h>
#include <netinet/in.h>

#define TCP_HEADER 20u
#define TCP_SYN 0x02u
#define OPTION_END 0u
#define OPTION_NOP 1u
#define OPTION_MSS 2u
#define OPTION_MSS_LEN 4u

/* Its value among the options at [at, end), or NULL. */
static uint8_t *find(uint8_t *at, const uint8_t *end)
{
	while (at < end && *at != OPTION_END) {
		if (*at == OPTION_NOP) {
			at++;
			continue;
		}
		if (end - at < 2 || at[1] < 2 || at[1] > end - at)
			return NULL;
		if (*at == OPTION_MSS)
			return at[1] == OPTION_MSS_LEN ? at + 2 : NULL;
		at += at[1];
	}
	return NULL;
}

/* RFC 1624. The value may begin at an odd octet of the segment: then its halves change places. */
static void set(uint8_t *tcp, uint8_t *value, uint16_t mss)
{
	uint16_t from = (uint16_t)(value[0] << 8 | value[1]), to = mss, check;
	uint64_t sum = (uint16_t)~(tcp[16] << 8 | tcp[17]);

	value[0] = (uint8_t)(mss >> 8);
	value[1] = (uint8_t)mss;
	if ((value - tcp) % 2) {
		from = (uint16_t)(from << 8 | from >> 8);
		to = (uint16_t)(to << 8 | to >> 8);
	}
	sum += (uint16_t)~from;
	sum += to;
	check = (uint16_t)~checksum_fold(sum);
	tcp[16] = (uint8_t)(check >> 8);
	tcp[17] = (uint8_t)check;
}

bool mss_clamp(uint8_t *data, const struct inner_packet *p, size_t mtu)
{
	size_t headers = (p->next_header == INNER_IPV4 ? 20u : 40u) + TCP_HEADER, most, options;
	uint8_t *tcp = data + p->transport, *value;

	assert(p->transport <= p->len);
	if (p->protocol != IPPROTO_TCP || !p->transport || p->fragment ||
	    p->len < p->transport + TCP_HEADER || mtu <= headers || !(tcp[13] & TCP_SYN))
		return false;
	options = (size_t)(tcp[12] >> 4) * 4;
	if (options < TCP_HEADER || p->len < p->transport + options)
		return false;
	most = mtu - headers;
	value = find(tcp + TCP_HEADER, tcp + options);
	if (!value || (size_t)(value[0] << 8 | value[1]) <= most)
		return false;
	set(tcp, value, (uint16_t)most);
	return true;
}
