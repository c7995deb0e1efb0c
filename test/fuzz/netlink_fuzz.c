/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that a netlink socket reads: the datagrams of the input, each after its length (2
 * octets), then nothing for two seconds. Bits of the length's top octet put the request's sequence
 * number where the kernel would put it.
 *
 * What must hold: nothing is read outside the received octets; the result is 0 or a negative errno,
 * and 0 only if a datagram has a whole acknowledgement that says so; for a list only if its end is
 * there, and the parts handed over before answer our request. */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

static ssize_t fuzz_recv(void *out, size_t room);
static ssize_t fuzz_send(const void *data, size_t len);
#define mnl_socket_recvfrom(socket, out, room) fuzz_recv(out, room)
#define mnl_socket_sendto(socket, data, len) fuzz_send(data, len)
#include "xdp/host/netlink.c" /* With the socket's other end here. */
#undef mnl_socket_recvfrom
#undef mnl_socket_sendto

#include <openssl/bytestring.h>

/* runs: 50000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static CBS in;
static uint32_t seq;
static unsigned acknowledged; /* Datagrams that hold a whole answer to what was asked. */
static int32_t said;
static bool list, done, torn; /* A list is asked for; its end was in a datagram; so was NLM_F_DUMP_INTR. */

static ssize_t fuzz_send(const void *data, size_t len)
{
	const struct nlmsghdr *h = data;

	assert(h->nlmsg_len == len && !(h->nlmsg_flags & NLM_F_ACK) == list);
	seq = h->nlmsg_seq;
	return (ssize_t)len;
}

/* The first answer to what was asked, as RFC 3549 2.3.2 has it, read octet by octet. */
static void look(const uint8_t *data, size_t len)
{
	struct nlmsghdr h;

	while (!acknowledged && !done && !torn && len >= sizeof(h)) {
		memcpy(&h, data, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > len)
			return;
		if (h.nlmsg_type == NLMSG_ERROR && h.nlmsg_seq == seq &&
		    h.nlmsg_len >= sizeof(h) + sizeof(struct nlmsgerr)) {
			memcpy(&said, data + sizeof(h), sizeof(said));
			acknowledged++;
		} else if (h.nlmsg_seq == seq) {
			torn = h.nlmsg_flags & NLM_F_DUMP_INTR;
			done = list && !torn && h.nlmsg_type == NLMSG_DONE;
		}
		if (NLMSG_ALIGN(h.nlmsg_len) > len)
			return;
		data += NLMSG_ALIGN(h.nlmsg_len);
		len -= NLMSG_ALIGN(h.nlmsg_len);
	}
}

/* After the received octets stands a false answer. */
static ssize_t fuzz_recv(void *out, size_t room)
{
	uint8_t *octets = out;
	uint16_t head;
	CBS datagram;
	size_t len;

	if (!CBS_get_u16(&in, &head)) {
		errno = EAGAIN;
		return -1;
	}
	len = head & 0x1fff;
	if (len > CBS_len(&in))
		len = CBS_len(&in);
	if (!CBS_get_bytes(&in, &datagram, len) || len > room) {
		errno = EINTR;
		return -1;
	}
	memset(out, 0, room);
	memcpy(out, CBS_data(&datagram), len);
	if (head & 0x8000 && len >= sizeof(struct nlmsghdr))
		memcpy(octets + offsetof(struct nlmsghdr, nlmsg_seq), &seq, sizeof(seq));
	if (head & 0x4000 && len >= 2 * sizeof(struct nlmsghdr) + sizeof(struct nlmsgerr))
		memcpy(octets + NLMSG_LENGTH(sizeof(struct nlmsgerr)) + offsetof(struct nlmsghdr, nlmsg_seq),
		       &seq, sizeof(seq));
	look(out, len);
	if (len + NLMSG_LENGTH(sizeof(struct nlmsgerr)) + NLMSG_ALIGNTO <= room) {
		struct nlmsghdr h = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct nlmsgerr)),
				     .nlmsg_type = NLMSG_ERROR, .nlmsg_seq = seq};

		memcpy(octets + NLMSG_ALIGN(len), &h, sizeof(h));
	}
	return (ssize_t)len;
}

static bool each(void *ctx, const struct host_message *m)
{
	assert(m->seq == seq && m->kind != HOST_MESSAGE_VERDICT && m->kind != HOST_MESSAGE_DONE);
	assert(!m->torn);
	(*(unsigned *)ctx)++;
	return false;
}

static int ask_list(struct netlink *nl)
{
	struct netlink_request r;
	unsigned told = 0;

	mnl_nlmsg_put_extra_header(netlink_request_init(&r, RTM_GETADDR, NLM_F_DUMP),
				   sizeof(struct ifaddrmsg));
	return netlink_ask(nl, &r, each, &told);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct netlink nl = {.seq = (uint32_t)len};
	struct address a = address_ipv4(0x0a4f0064);
	struct prefix p = {.address = a, .bits = 16};
	int rc;

	for (unsigned request = 0; request < 4; request++) {
		CBS_init(&in, data, len);
		acknowledged = 0;
		list = request == 3;
		done = torn = false;
		rc = request == 0   ? netlink_address_add(&nl, 1, &a)
		     : request == 1 ? netlink_address_del(&nl, 1, &a)
		     : request == 2 ? netlink_blackhole_add(&nl, &p)
				    : ask_list(&nl);
		assert(rc <= 0);
		if (torn)
			assert(rc == -EINTR);
		else if (done)
			assert(rc == 0);
		else if (!acknowledged)
			assert(rc == -EAGAIN);
		else if (rc == 0)
			assert(said == 0 || said == (request == 1 ? -EADDRNOTAVAIL : request == 3 ? 0 : -EEXIST));
		else
			assert(rc == (said > 0 ? -EPROTO : said));
	}
	return 0;
}
