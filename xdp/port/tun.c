/* SPDX-License-Identifier: Apache-2.0 */
/* TUN with a virtio header before each packet (IFF_VNET_HDR), and superpackets both
 * ways: see offload.c. What the kernel leaves to a NIC, checksums and segmentation,
 * is done here, before encryption. */
#include "xdp/port/tun.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "xdp/host/netlink.h"

#ifndef TUN_F_USO4 /* Linux 6.2 */
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#define OFFLOADS (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)
#define TUN_FD_LEAST 512 /* Above all that the process opens. */

/* When a process dies the kernel closes its files from the highest number down. The device, and
 * with it the service addresses, must go before the sockets: else the kernel answers clients'
 * packets with ICMP port unreachable. */
static void tun_close_first(struct tun *t)
{
	int high = fcntl(t->fd, F_DUPFD_CLOEXEC, TUN_FD_LEAST);

	if (high < 0)
		return;
	close(t->fd);
	t->fd = high;
}

int tun_open(struct tun *t, const char *name, uint32_t mtu)
{
	struct ifreq request;
	struct netlink nl;
	int header = sizeof(struct virtio_net_hdr);
	int error;

	assert(mtu > 0 && strlen(name) < sizeof(request.ifr_name));
	memset(&request, 0, sizeof(request));
	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
	t->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (t->fd < 0)
		return -errno;
	tun_close_first(t);
	t->super = malloc(SUPER_MAX);
	if (!t->super) {
		errno = ENOMEM;
		goto fail;
	}
	if (ioctl(t->fd, TUNSETIFF, &request) || ioctl(t->fd, TUNSETVNETHDRSZ, &header))
		goto fail;
	t->udp = ioctl(t->fd, TUNSETOFFLOAD, OFFLOADS | TUN_F_USO4 | TUN_F_USO6) == 0;
	if (!t->udp && ioctl(t->fd, TUNSETOFFLOAD, OFFLOADS))
		goto fail;
	t->ifindex = if_nametoindex(name);
	if (!t->ifindex)
		goto fail;
	/* The pool's route exists here only while the addresses are held; clients' packets always
	 * come in. No router solicitations leave through it. */
	if ((error = sysctl_rp_filter(name, 0))) {
		tun_close(t);
		return error;
	}
	(void)sysctl_set("ipv6", name, "addr_gen_mode", 1);
	(void)sysctl_set("ipv4", name, "send_redirects", 0);
	error = netlink_open(&nl);
	if (!error)
		error = netlink_link_up(&nl, t->ifindex, mtu);
	netlink_close(&nl);
	if (!error)
		return 0;
	tun_close(t);
	return error;
fail:
	error = -errno;
	tun_close(t);
	return error;
}

void tun_close(struct tun *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	free(t->super);
	t->super = NULL;
	t->at = 0;
}

/* One read. A packet that is whole lands in its buffer; of a superpacket the first
 * part lands there too and is put before the rest. Returns packets made; *end when
 * there is nothing to read. */
static size_t read_one(struct tun *t, struct packet *packets, uint8_t (*buffers)[PACKET_BUFFER],
		       size_t n, bool *end)
{
	uint8_t *data = buffers[0] + PACKET_HEAD_ROOM;
	struct iovec parts[3] = {{&t->header, sizeof(t->header)},
				 {data, DATAPATH_PACKET_MAX},
				 {t->super + DATAPATH_PACKET_MAX, SUPER_MAX - DATAPATH_PACKET_MAX}};
	ssize_t got;
	size_t len;

	errno = 0;
	got = readv(t->fd, parts, 3);
	if (got <= (ssize_t)sizeof(t->header)) {
		*end = got >= 0 || errno != EINTR;
		return 0;
	}
	len = (size_t)got - sizeof(t->header);
	if (t->header.gso_type == VIRTIO_NET_HDR_GSO_NONE) {
		packets[0] = (struct packet){.data = data, .len = len};
		return len <= DATAPATH_PACKET_MAX && offload_finish(&t->header, data, len);
	}
	memcpy(t->super, data, len < DATAPATH_PACKET_MAX ? len : DATAPATH_PACKET_MAX);
	t->super_len = len;
	return segment(&t->header, t->super, len, &t->at, packets, buffers, n);
}

size_t tun_read(struct tun *t, struct packet *packets, uint8_t (*buffers)[PACKET_BUFFER], size_t n,
		uint64_t *dropped)
{
	size_t got = 0;
	bool end = false;

	if (t->at)
		got = segment(&t->header, t->super, t->super_len, &t->at, packets, buffers, n);
	while (got < n && !t->at && !end) {
		size_t made = read_one(t, packets + got, buffers + got, n - got, &end);

		assert(made <= n - got);
		*dropped += !made && !end && errno != EINTR;
		got += made;
	}
	return got;
}

bool tun_waiting(const struct tun *t)
{
	return t->at != 0;
}

/* ---- Out ---- */

static bool write_super(struct tun *t, struct packet **packets, const struct super *s)
{
	struct iovec parts[1 + BURST] = {{(void *)&s->header, sizeof(s->header)}};
	size_t n = 1;
	uint8_t i = s->first;

	for (uint8_t k = 0; k < s->count; k++, i = t->coalescer.next[i]) {
		size_t skip = super_skip(s, i);

		parts[n++] = (struct iovec){packets[i]->data + skip, packets[i]->len - skip};
	}
	for (;;) {
		ssize_t sent = writev(t->fd, parts, (int)n);

		if (sent >= 0 || errno != EINTR)
			return sent >= 0;
	}
}

void tun_write(void *ctx, struct packet **packets, size_t n)
{
	struct tun *t = ctx;

	assert(n <= BURST);
	coalesce(&t->coalescer, packets, n, t->udp);
	for (size_t k = 0; k < t->coalescer.n; k++) {
		const struct super *s = &t->coalescer.supers[k];
		uint8_t i = s->first;

		if (write_super(t, packets, s))
			continue;
		for (uint8_t left = s->count; left > 0; left--, i = t->coalescer.next[i])
			packets[i]->drop = DROP_OUTPUT;
	}
}
