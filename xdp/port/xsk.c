/* SPDX-License-Identifier: Apache-2.0 */
/* AF_XDP through libxdp's ring helpers, with our own program.
 *
 * Each queue has its own UMEM: RX_FRAMES of it circulate between the fill ring, the kernel, the rx
 * ring and the worker; TX_FRAMES between the worker, the tx ring, the kernel and the completion
 * ring. Inbound packets are opened in place; outbound ones are copied once, behind room for their
 * headers.
 *
 * The worker serves all queues and sends through the first. The kernel neither routes nor filters
 * packets that leave here: they go back to the router from which the newest authenticated packet of
 * that peer came.
 *
 * Unresolved: one worker only; with zero-copy and several queues each should have its own. Jumbo
 * frames go through the sockets. */
#include "xdp/port/xsk.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <linux/types.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "xdp/port/baton.bpf.h"
#include "xdp/host/netlink.h"

#define FRAME_SIZE 2048u /* Head room 256 (XDP_PACKET_HEADROOM), then the frame. */
_Static_assert(FRAME_SIZE - 256 == BATON_FRAME_MAX, "the program passes what does not fit");
#define RX_FRAMES 2048u
#define TX_FRAMES 1024u
#define AREA_SIZE ((size_t)(RX_FRAMES + TX_FRAMES) * FRAME_SIZE)
#define KICKS 4 /* Copy mode sends about 32 frames a call. */

static const struct rung {
	const char *name;
	uint32_t attach;
	uint16_t bind;
} rungs[] = {
	{"xdp zero-copy", XDP_FLAGS_DRV_MODE, XDP_ZEROCOPY},
	{"xdp native", XDP_FLAGS_DRV_MODE, XDP_COPY},
	{"xdp generic", XDP_FLAGS_SKB_MODE, XDP_COPY},
};

/* ---- Opening ---- */

static int ask_interface(const char *interface, unsigned long what, struct ifreq *request)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return -errno;
	strncpy(request->ifr_name, interface, sizeof(request->ifr_name) - 1);
	error = ioctl(fd, what, request) ? -errno : 0;
	close(fd);
	return error;
}

static size_t count_queues(const char *interface)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	struct ifreq request = {.ifr_data = (char *)&channels};
	size_t n;

	if (ask_interface(interface, SIOCETHTOOL, &request))
		return 1;
	n = (size_t)channels.combined_count + channels.rx_count;
	return n == 0 ? 1 : n > XSK_QUEUES_MAX ? XSK_QUEUES_MAX : n;
}

static void close_queue(struct xsk_queue *q)
{
	if (q->socket)
		xsk_socket__delete(q->socket);
	if (q->umem)
		(void)xsk_umem__delete(q->umem);
	if (q->area)
		munmap(q->area, AREA_SIZE);
	free(q->tx_free);
	memset(q, 0, sizeof(*q));
}

static void give_frames(struct xsk_queue *q)
{
	uint32_t at;

	if (xsk_ring_prod__reserve(&q->fill, RX_FRAMES, &at) == RX_FRAMES) {
		for (uint32_t i = 0; i < RX_FRAMES; i++)
			*xsk_ring_prod__fill_addr(&q->fill, at + i) = (uint64_t)i * FRAME_SIZE;
		xsk_ring_prod__submit(&q->fill, RX_FRAMES);
	}
	for (q->n_tx_free = 0; q->n_tx_free < TX_FRAMES; q->n_tx_free++)
		q->tx_free[q->n_tx_free] = (uint64_t)(RX_FRAMES + q->n_tx_free) * FRAME_SIZE;
}

static int open_queue(struct xsk *x, const char *interface, uint32_t index, uint16_t bind)
{
	struct xsk_queue *q = &x->queues[index];
	const struct xsk_umem_config umem = {
		.fill_size = RX_FRAMES, .comp_size = TX_FRAMES, .frame_size = FRAME_SIZE};
	const struct xsk_socket_config config = {
		.rx_size = RX_FRAMES,
		.tx_size = TX_FRAMES,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = (uint16_t)(bind | XDP_USE_NEED_WAKEUP),
	};
	int fd, error = -ENOMEM;
	void *area = mmap(NULL, AREA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			  0);

	if (area == MAP_FAILED)
		return -errno;
	q->area = area;
	q->tx_free = calloc(TX_FRAMES, sizeof(*q->tx_free));
	if (!q->tx_free)
		goto fail;
	error = xsk_umem__create(&q->umem, q->area, AREA_SIZE, &q->fill, &q->completion, &umem);
	if (error)
		goto fail;
	error = xsk_socket__create(&q->socket, interface, index, q->umem, &q->rx, &q->tx, &config);
	if (error)
		goto fail;
	give_frames(q);
	fd = xsk_socket__fd(q->socket);
	error = bpf_map_update_elem(loader_xsks(&x->loader), &index, &fd, BPF_ANY);
	if (!error)
		return 0;
fail:
	close_queue(q);
	return error;
}

static int open_rung(struct xsk *x, const char *interface, const struct rung *rung)
{
	size_t queues = count_queues(interface);
	int error = loader_attach(&x->loader, if_nametoindex(interface), rung->attach);

	if (error)
		return error;
	error = open_queue(x, interface, 0, rung->bind);
	if (error) {
		loader_detach(&x->loader);
		return error;
	}
	/* What comes by a queue without a socket passes to the slow path. */
	for (x->n = 1; x->n < queues; x->n++)
		if (open_queue(x, interface, (uint32_t)x->n, rung->bind))
			break;
	return 0;
}

static void explain(char *why, const char *what, int error)
{
	size_t used = strlen(why);

	snprintf(why + used, DATAPATH_ERR_LEN - used, "%s%s: %s", used ? "; " : "", what,
		 strerror(-error));
}

bool xsk_open(struct xsk *x, const char *interface, uint32_t sa_max, const struct prefix *services,
	      size_t n, char mode[XSK_MODE_LEN], char why[DATAPATH_ERR_LEN])
{
	struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	int mtu = interface_mtu(interface);
	int error;

	memset(x, 0, sizeof(*x));
	(void)setrlimit(RLIMIT_MEMLOCK, &unlimited); /* UMEM is pinned. */
	x->mtu = mtu < 0 ? 1500 : (uint32_t)mtu;
	error = loader_load(&x->loader, sa_max, services, n);
	if (error) {
		explain(why, "xdp program", error);
		return false;
	}
	for (size_t i = 0; i < sizeof(rungs) / sizeof(*rungs); i++) {
		error = open_rung(x, interface, &rungs[i]);
		if (error) {
			explain(why, rungs[i].name, error);
			continue;
		}
		snprintf(mode, XSK_MODE_LEN, "%s", rungs[i].name);
		return true;
	}
	loader_unload(&x->loader);
	return false;
}

void xsk_close(struct xsk *x)
{
	loader_detach(&x->loader);
	for (size_t i = 0; i < x->n; i++)
		close_queue(&x->queues[i]);
	loader_unload(&x->loader);
	x->n = 0;
}

int xsk_fd(const struct xsk *x, size_t queue)
{
	assert(queue < x->n);
	return xsk_socket__fd(x->queues[queue].socket);
}

/* ---- In ---- */

size_t xsk_read(struct xsk *x, size_t queue, struct packet packets[BURST], struct engine *e)
{
	struct xsk_queue *q = &x->queues[queue];
	uint32_t at;
	uint32_t n = xsk_ring_cons__peek(&q->rx, BURST, &at);
	size_t n_esp = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct xdp_desc *d = xsk_ring_cons__rx_desc(&q->rx, at + i);
		uint8_t *data = xsk_umem__get_data(q->area, d->addr);
		struct outer_frame f;
		enum drop drop = outer_parse(&f, data, d->len);

		assert(q->n_taken < sizeof(q->taken) / sizeof(q->taken[0]) && d->addr + d->len <= AREA_SIZE);
		q->taken[q->n_taken++] = d->addr - d->addr % FRAME_SIZE;
		if (drop != DROP_NONE) {
			engine_drop(e, drop);
			continue;
		}
		packets[n_esp++] = (struct packet){
			.data = data + f.esp_offset,
			.len = f.esp_len,
			.path = f.path,
			.l2 = data,
			.l2_len = (uint8_t)f.l2_len,
		};
	}
	if (n)
		xsk_ring_cons__release(&q->rx, n);
	return n_esp;
}

void xsk_return(struct xsk *x, size_t queue)
{
	struct xsk_queue *q = &x->queues[queue];
	uint32_t at;

	/* The fill ring has room for all frames there are. */
	if (q->n_taken && xsk_ring_prod__reserve(&q->fill, (uint32_t)q->n_taken, &at)) {
		for (size_t i = 0; i < q->n_taken; i++)
			*xsk_ring_prod__fill_addr(&q->fill, at + (uint32_t)i) = q->taken[i];
		xsk_ring_prod__submit(&q->fill, (uint32_t)q->n_taken);
	}
	q->n_taken = 0;
	if (xsk_ring_prod__needs_wakeup(&q->fill))
		(void)recvfrom(xsk_fd(x, queue), NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

uint64_t xsk_overflow(const struct xsk *x)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < x->n; i++) {
		struct xdp_statistics s = {0};
		socklen_t len = sizeof(s);

		if (getsockopt(xsk_fd(x, i), SOL_XDP, XDP_STATISTICS, &s, &len) == 0)
			sum += s.rx_dropped + s.rx_ring_full;
	}
	return sum;
}

/* ---- Out ---- */

static void reclaim(struct xsk_queue *q)
{
	uint32_t at, n = xsk_ring_cons__peek(&q->completion, TX_FRAMES, &at);

	for (uint32_t i = 0; i < n; i++) {
		uint64_t addr = *xsk_ring_cons__comp_addr(&q->completion, at + i);

		assert(q->n_tx_free < TX_FRAMES && addr < AREA_SIZE);
		q->tx_free[q->n_tx_free++] = addr - addr % FRAME_SIZE;
	}
	if (n)
		xsk_ring_cons__release(&q->completion, n);
}

static void kick(struct xsk_queue *q)
{
	int fd = xsk_socket__fd(q->socket);

	for (int i = 0; i < KICKS && xsk_ring_prod__needs_wakeup(&q->tx); i++) {
		if (sendto(fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN &&
		    errno != EBUSY && errno != EINTR)
			break; /* ENOBUFS, ENETDOWN: what is in the ring goes with the next kick,
				  xsk_kick() at the latest. */
		if (xsk_prod_nb_free(&q->tx, TX_FRAMES) >= TX_FRAMES)
			break;
	}
	q->unsent = xsk_ring_prod__needs_wakeup(&q->tx) && xsk_prod_nb_free(&q->tx, TX_FRAMES) < TX_FRAMES;
}

static bool fits(const struct xsk *x, const struct packet *p)
{
	size_t headers = (p->path.local.address.family == 4 ? 20u : 40u) +
			 (p->path.udp_encap ? 8u : 0u);

	return p->l2 && p->len + headers <= x->mtu &&
	       p->len + OUTER_HEADERS_MAX <= FRAME_SIZE;
}

static void write_frame(struct xsk_queue *q, const struct packet *p, struct xdp_desc *d)
{
	uint8_t l2[OUTER_L2_MAX], *base, *start;

	assert(p->l2_len >= 12 && p->l2_len <= OUTER_L2_MAX);
	d->addr = q->tx_free[--q->n_tx_free];
	base = xsk_umem__get_data(q->area, d->addr);
	memcpy(l2, p->l2 + 6, 6); /* Back to where its packets come from. */
	memcpy(l2 + 6, p->l2, 6);
	memcpy(l2 + 12, p->l2 + 12, p->l2_len - 12u);
	memcpy(base + OUTER_HEADERS_MAX, p->data, p->len);
	start = outer_build(l2, p->l2_len, &p->path, p->tos, base + OUTER_HEADERS_MAX, p->len);
	d->len = (uint32_t)(base + OUTER_HEADERS_MAX + p->len - start);
	d->addr += (uint64_t)(start - base);
	d->options = 0;
}

bool xsk_unsent(const struct xsk *x)
{
	return x->n > 0 && x->queues[0].unsent;
}

void xsk_kick(struct xsk *x)
{
	if (xsk_unsent(x))
		kick(&x->queues[0]);
}

size_t xsk_write(struct xsk *x, struct packet **packets, size_t n)
{
	struct xsk_queue *q = &x->queues[0];
	size_t left = 0;
	uint32_t at, sent = 0;

	reclaim(q);
	for (size_t i = 0; i < n; i++) {
		struct packet *p = packets[i];

		if (!fits(x, p) || !q->n_tx_free || !xsk_ring_prod__reserve(&q->tx, 1, &at)) {
			packets[left++] = p;
			continue;
		}
		write_frame(q, p, xsk_ring_prod__tx_desc(&q->tx, at));
		sent++;
	}
	assert(left + sent == n);
	if (sent) {
		xsk_ring_prod__submit(&q->tx, sent);
		kick(q);
	}
	return left;
}
