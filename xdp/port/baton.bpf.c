/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The XDP program of the outer interface: takes the ESP packets of our SAs out of
 * the kernel's way and leaves it everything else.
 *
 *   Ethernet/VLAN -> IPv4/IPv6 -> ESP, or UDP 4500 that is not IKE -> SPI
 *       known SPI                       -> AF_XDP socket of the receiving queue
 *       known, sequence number stale    -> drop, counted
 *       unknown, to a service address   -> drop, counted
 *       unknown, to another address     -> pass (transit, or the host's own IPsec)
 *   fragments, IP options, extension headers, jumbo frames, IKE, the rest -> pass
 *
 * An SA is found by its SPI alone, never by addresses. The worker writes the maps that decide here,
 * and only after authentication: no packet changes anything but counters. If the queue has no
 * socket, the packet passes to the slow path. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "xdp/port/baton.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* SPI in network order -> its slot in min_seq. The loader sets the sizes. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} spis SEC(".maps");

/* A lagging lower bound of the replay window, 0: none (ESN, or nothing known). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u32);
} min_seq SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BATON_SERVICES_MAX);
	__type(key, struct baton_service);
	__type(value, __u32);
} services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, BATON_QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} xsks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BATON_COUNT_MAX);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct vlan_header {
	__be16 tci, type;
};

struct esp_header {
	__be32 spi, seq;
};

static __always_inline void count(__u32 what)
{
	__u64 *n = bpf_map_lookup_elem(&counts, &what);

	if (n)
		++*n;
}

static __always_inline int pass(void)
{
	count(BATON_COUNT_PASS);
	return XDP_PASS;
}

/* Returns what follows Ethernet and at most two tags, NULL if it is not there. */
static __always_inline void *skip_l2(void *data, void *end, __be16 *type)
{
	struct ethhdr *eth = data;
	void *next = eth + 1;

	if (next > end)
		return NULL;
	*type = eth->h_proto;
#pragma unroll
	for (int i = 0; i < 2; i++) {
		struct vlan_header *vlan = next;

		if (*type != bpf_htons(ETH_P_8021Q) && *type != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(vlan + 1) > end)
			return NULL;
		*type = vlan->type;
		next = vlan + 1;
	}
	return next;
}

/* Returns the transport header, NULL for what is the kernel's. */
static __always_inline void *skip_ip(void *data, void *end, __be16 type,
				     struct baton_service *to, __u8 *protocol)
{
	if (type == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = data;

		if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl != 5 ||
		    (ip->frag_off & bpf_htons(0x3fff)))
			return NULL;
		to->family = 4;
		to->words[0] = ip->daddr;
		*protocol = ip->protocol;
		return ip + 1;
	}
	if (type == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = data;

		if ((void *)(ip + 1) > end || ip->version != 6)
			return NULL;
		to->family = 6;
		__builtin_memcpy(to->words, &ip->daddr, sizeof(to->words));
		*protocol = ip->nexthdr;
		return ip + 1;
	}
	return NULL;
}

/* Returns the ESP header, bare or behind UDP 4500, NULL if there is none. */
static __always_inline struct esp_header *find_esp(void *data, void *end, __u8 protocol)
{
	struct esp_header *esp = data;

	if (protocol == IPPROTO_UDP) {
		struct udphdr *udp = data;

		/* By its own length: Ethernet fills a keepalive up with zeros. */
		if ((void *)(udp + 1) > end || udp->dest != bpf_htons(4500) ||
		    bpf_ntohs(udp->len) < sizeof(*udp) + sizeof(*esp))
			return NULL;
		esp = (void *)(udp + 1);
	} else if (protocol != IPPROTO_ESP) {
		return NULL;
	}
	if ((void *)(esp + 1) > end || esp->spi == 0) /* 0: the non-ESP marker, RFC 3948 2.2 */
		return NULL;
	return esp;
}

SEC("xdp")
int baton(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct baton_service to = {};
	struct esp_header *esp;
	__u8 protocol = 0;
	__be16 type = 0;
	__u32 spi, *slot, *least;

	if (end - data > BATON_FRAME_MAX)
		return pass();
	data = skip_l2(data, end, &type);
	if (!data)
		return pass();
	data = skip_ip(data, end, type, &to, &protocol);
	if (!data)
		return pass();
	esp = find_esp(data, end, protocol);
	if (!esp)
		return pass();
	spi = esp->spi;
	slot = bpf_map_lookup_elem(&spis, &spi);
	if (!slot) {
		if (!bpf_map_lookup_elem(&services, &to))
			return pass();
		count(BATON_COUNT_UNKNOWN_SPI);
		return XDP_DROP;
	}
	least = bpf_map_lookup_elem(&min_seq, slot);
	if (least && bpf_ntohl(esp->seq) < *least) {
		count(BATON_COUNT_STALE);
		return XDP_DROP;
	}
	count(BATON_COUNT_REDIRECT);
	return (int)bpf_redirect_map(&xsks, ctx->rx_queue_index, XDP_PASS);
}
