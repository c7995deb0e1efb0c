/* SPDX-License-Identifier: Apache-2.0 */
/* TUN with a virtio header before each packet (IFF_VNET_HDR). No offload is
 * turned on for reading, so the kernel hands over whole packets with finished
 * checksums: what it would have left to a NIC (CHECKSUM_PARTIAL from a local
 * socket, a TSO superpacket) must be done before encryption. */
#include "xdp/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "xdp/netlink.h"

int tun_open(struct tun *t, const char *name, uint32_t mtu)
{
	struct ifreq request;
	struct netlink nl = {.fd = -1};
	int header = sizeof(struct virtio_net_hdr);
	int error;

	memset(&request, 0, sizeof(request));
	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
	t->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (t->fd < 0)
		return -errno;
	if (ioctl(t->fd, TUNSETIFF, &request) || ioctl(t->fd, TUNSETVNETHDRSZ, &header) ||
	    ioctl(t->fd, TUNSETOFFLOAD, 0))
		goto fail;
	t->ifindex = if_nametoindex(name);
	if (!t->ifindex)
		goto fail;
	/* The pool's route stands here only while held; clients' packets come in
	 * always. And no router solicitations out of it. */
	(void)sysctl_rp_filter(name, 0);
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
}

size_t tun_read(struct tun *t, struct packet *packets, uint8_t (*buffers)[PACKET_BUFFER], size_t n)
{
	size_t got = 0;

	while (got < n) {
		struct virtio_net_hdr header;
		uint8_t *data = buffers[got] + PACKET_HEAD_ROOM;
		struct iovec parts[2] = {{&header, sizeof(header)}, {data, DATAPATH_PACKET_MAX}};
		ssize_t len = readv(t->fd, parts, 2);

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= (ssize_t)sizeof(header))
			break;
		packets[got++] = (struct packet){.data = data, .len = (size_t)len - sizeof(header)};
	}
	return got;
}

void tun_write(void *ctx, struct packet **packets, size_t n)
{
	struct tun *t = ctx;

	for (size_t i = 0; i < n; i++) {
		struct virtio_net_hdr header = {.gso_type = VIRTIO_NET_HDR_GSO_NONE};
		struct iovec parts[2] = {{&header, sizeof(header)},
					 {packets[i]->data, packets[i]->len}};
		ssize_t sent;

		do
			sent = writev(t->fd, parts, 2);
		while (sent < 0 && errno == EINTR);
		if (sent < 0)
			packets[i]->drop = DROP_OUTPUT;
	}
}
