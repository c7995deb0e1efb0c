/* SPDX-License-Identifier: Apache-2.0 */
/* Outer frames, UDP 4500 payloads, ARP and ND: the same octets as all of them. Our answers to them
 * are read again, and have their meaning. */
#include "xdp/host/arp.h"
#include "xdp/engine/checksum.h"
#include "xdp/host/nd.h"
#include "xdp/engine/outer.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* runs: 100000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};

/* The same ESP, sent back by the way it came: another parser than ours would see that way. */
static void turn_round(const struct outer_frame *f, const uint8_t *data)
{
	uint8_t *room = malloc(OUTER_HEADERS_MAX + f->esp_len), *esp = room + OUTER_HEADERS_MAX, *frame;
	struct sad_path back = f->path;
	struct outer_frame again;

	assert(room);
	memcpy(esp, data + f->esp_offset, f->esp_len);
	back.remote.port = UDP_PORT_ENCAP; /* Else it would not be ours to read. */
	frame = outer_build(data, f->l2_len, &back, 0xb8, esp, f->esp_len);
	assert(frame >= room && memcmp(frame, data, f->l2_len) == 0);
	if (f->esp_len < 60000) {
		assert(outer_parse(&again, frame, (size_t)(esp + f->esp_len - frame)) == DROP_NONE);
		assert(frame + again.esp_offset == esp && again.esp_len == f->esp_len);
		assert(again.path.udp_encap == f->path.udp_encap);
		assert(address_equal(&again.path.local.address, &f->path.remote.address));
		assert(address_equal(&again.path.remote.address, &f->path.local.address));
	}
	free(room);
}

static void check_arp(const struct arp_request *r)
{
	uint8_t frame[ARP_FRAME_LEN];
	struct arp_request again;

	assert(r->target.family == 4);
	arp_build_reply(frame, r, mac);
	assert(memcmp(frame, r->sender_mac, 6) == 0 && memcmp(frame + 28, r->target.octets, 4) == 0);
	assert(!arp_parse_request(&again, frame, sizeof(frame))); /* An answer gets no answer. */
	arp_build_announcement(frame, &r->target, mac, false);
	assert(arp_parse_request(&again, frame, sizeof(frame)));
	assert(address_equal(&again.target, &r->target) && address_equal(&again.sender, &r->target));
	arp_build_announcement(frame, &r->target, mac, true);
	assert(!arp_parse_request(&again, frame, sizeof(frame)));
}

static void check_nd(const struct nd_solicitation *s)
{
	uint8_t frame[ND_FRAME_LEN];
	struct nd_solicitation again;
	uint64_t sum;

	assert(s->target.family == 6);
	nd_build_reply(frame, s, mac);
	sum = checksum_pseudo(frame + 22, 32, IPPROTO_ICMPV6, 32);
	assert(checksum_fold(checksum_add(sum, frame + 54, 32)) == 0xffff);
	assert(memcmp(frame + 62, s->target.octets, 16) == 0);
	assert(!nd_parse_solicitation(&again, frame, sizeof(frame)));
	frame[54] = 135; /* An advertisement with its type changed fails by its checksum alone. */
	assert(!nd_parse_solicitation(&again, frame, sizeof(frame)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nd_solicitation solicitation;
	struct arp_request request;
	struct outer_frame f;
	size_t skip;

	if (outer_parse(&f, data, size) == DROP_NONE) {
		assert(f.l2_len >= 14 && f.l2_len <= OUTER_L2_MAX);
		assert(f.esp_offset + f.esp_len <= size && f.esp_len >= ESP_HEADER_LEN);
		assert(f.path.local.address.family == f.path.remote.address.family);
		turn_round(&f, data);
	}
	(void)encap_demux(data, size, &skip);
	assert(skip <= size);
	if (arp_parse_request(&request, data, size))
		check_arp(&request);
	if (nd_parse_solicitation(&solicitation, data, size))
		check_nd(&solicitation);
	return 0;
}
