/* SPDX-License-Identifier: Apache-2.0 */
/* What a netlink socket reads in answer to a request: the datagrams of the input, each
 * behind its length (2 octets), then nothing for two seconds. Bits of the length's top
 * octet put the sequence number that was asked with where the kernel would put it.
 *
 * What must hold: nothing is read outside what was received, what is said is 0 or a
 * negative errno, and 0 only if a datagram holds a whole acknowledgement that says so. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

static ssize_t fuzz_recv(void *out, size_t room);
static ssize_t fuzz_send(const void *data, size_t len);
#define recv(fd, out, room, flags) fuzz_recv(out, room)
#define send(fd, data, len, flags) fuzz_send(data, len)
#include "xdp/netlink.c" /* The one file of xdp/ that this needs. */
#undef recv
#undef send

#include <openssl/bytestring.h>

/* runs: 50000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static CBS in;
static uint32_t seq;
static unsigned acknowledged; /* Datagrams that hold a whole answer to what was asked. */
static int32_t said;

static ssize_t fuzz_send(const void *data, size_t len)
{
	const struct nlmsghdr *h = data;

	assert(h->nlmsg_len == len && h->nlmsg_flags & NLM_F_ACK);
	seq = h->nlmsg_seq;
	return (ssize_t)len;
}

/* The first answer to what was asked, as RFC 3549 2.3.2 has it, read octet by octet. */
static void look(const uint8_t *data, size_t len)
{
	struct nlmsghdr h;

	while (!acknowledged && len >= sizeof(h)) {
		memcpy(&h, data, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > len)
			return;
		if (h.nlmsg_type == NLMSG_ERROR && h.nlmsg_seq == seq &&
		    h.nlmsg_len >= sizeof(h) + sizeof(struct nlmsgerr)) {
			memcpy(&said, data + sizeof(h), sizeof(said));
			acknowledged++;
		}
		if (NLMSG_ALIGN(h.nlmsg_len) > len)
			return;
		data += NLMSG_ALIGN(h.nlmsg_len);
		len -= NLMSG_ALIGN(h.nlmsg_len);
	}
}

/* Behind what was received stands what would be taken for an answer. */
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct netlink nl = {.fd = -1, .seq = (uint32_t)len};
	struct address a = address_ipv4(0x0a4f0064);
	struct prefix p = {.address = a, .bits = 16};
	int rc;

	for (unsigned request = 0; request < 3; request++) {
		CBS_init(&in, data, len);
		acknowledged = 0;
		rc = request == 0   ? netlink_address_add(&nl, 1, &a)
		     : request == 1 ? netlink_address_del(&nl, 1, &a)
				    : netlink_blackhole_add(&nl, &p);
		assert(rc <= 0);
		if (!acknowledged)
			assert(rc == -EAGAIN);
		else if (rc == 0)
			assert(said == 0 || said == (request == 1 ? -EADDRNOTAVAIL : -EEXIST));
		else
			assert(rc == (said > 0 ? -EPROTO : said));
	}
	return 0;
}
