/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to rtnetlink, read back; and how answers are understood, whoever wrote them. */
#include <libmnl/libmnl.h>
#include <sys/types.h>

static ssize_t test_send(const void *data, size_t len);
static ssize_t test_recv(void *out, size_t room);
#define mnl_socket_sendto(socket, data, len) test_send(data, len)
#define mnl_socket_recvfrom(socket, out, room) test_recv(out, room)
#include "xdp/host/netlink.c" /* With the socket's two ends here. */
#undef mnl_socket_sendto
#undef mnl_socket_recvfrom

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define WHOLE NLMSG_LENGTH(sizeof(struct nlmsgerr))
#define BARE NLMSG_LENGTH(0)
#define SEQ 1u /* Of the first request of a socket. */

struct row {
	const char *what;
	struct {
		uint32_t len, seq; /* len 0: there is none. */
		uint16_t type;
		int32_t error;
	} message[2];          /* Of one datagram, each where the other's length says. */
	size_t received;
	int result;
};

static const struct row rows[] = {
	{"1 done", {{WHOLE, SEQ, NLMSG_ERROR, 0}}, WHOLE, 0},
	{"2 refused", {{WHOLE, SEQ, NLMSG_ERROR, -EPERM}}, WHOLE, -EPERM},
	{"3 is there", {{WHOLE, SEQ, NLMSG_ERROR, -EEXIST}}, WHOLE, 0},
	{"4 another's, then ours", {{WHOLE, 9, NLMSG_ERROR, -EPERM}, {WHOLE, SEQ, NLMSG_ERROR, 0}}, 2 * WHOLE, 0},
	{"5 news, then ours", {{BARE, 0, 16, 0}, {WHOLE, SEQ, NLMSG_ERROR, -ENODEV}}, BARE + WHOLE, -ENODEV},
	{"6 too short for a verdict", {{BARE, SEQ, NLMSG_ERROR, 0}}, BARE, -EAGAIN},
	{"7 behind what was received", {{BARE, SEQ, NLMSG_ERROR, 0}, {WHOLE, SEQ, NLMSG_ERROR, 0}}, BARE, -EAGAIN},
	{"8 its padding is not there", {{BARE + 1, 0, 16, 0}}, BARE + 1, -EAGAIN},
	{"9 longer than received", {{WHOLE + 1, SEQ, NLMSG_ERROR, 0}}, WHOLE, -EAGAIN},
	{"10 shorter than its header", {{BARE - 1, SEQ, NLMSG_ERROR, 0}}, WHOLE, -EAGAIN},
	{"11 an error above 0", {{WHOLE, SEQ, NLMSG_ERROR, 5}}, WHOLE, -EPROTO},
	{"12 nothing", {{0}}, 0, -EAGAIN},
};

/* ---- The kernel's end of the socket ---- */

static uint8_t sent[256] __attribute__((aligned(8)));
static size_t sent_len;
static struct {
	uint8_t data[1024];
	size_t len;
} queue[4];
static unsigned queued, taken;

static ssize_t test_send(const void *data, size_t len)
{
	assert_true(len <= sizeof(sent));
	memcpy(sent, data, len);
	sent_len = len;
	return (ssize_t)len;
}

static ssize_t test_recv(void *out, size_t room)
{
	if (taken == queued) {
		errno = EAGAIN;
		return -1;
	}
	assert_true(queue[taken].len <= room);
	memcpy(out, queue[taken].data, queue[taken].len);
	return (ssize_t)queue[taken++].len;
}

static struct netlink begin(void)
{
	queued = taken = 0;
	return (struct netlink){0};
}

static void queue_row(const struct row *r)
{
	size_t at = 0;

	memset(&queue[queued], 0, sizeof(queue[queued]));
	for (size_t i = 0; i < 2 && r->message[i].len; i++) {
		struct nlmsghdr h = {.nlmsg_len = r->message[i].len, .nlmsg_type = r->message[i].type,
				     .nlmsg_seq = r->message[i].seq};

		memcpy(queue[queued].data + at, &h, sizeof(h));
		memcpy(queue[queued].data + at + sizeof(h), &r->message[i].error,
		       sizeof(r->message[i].error));
		at += NLMSG_ALIGN(r->message[i].len);
	}
	queue[queued++].len = r->received;
}

/* ---- Acknowledgements ---- */

static void test_answers(void **state)
{
	const struct address a = address_ipv4(0x0a4f0064);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct netlink nl = begin();

		queue_row(&rows[i]);
		if (netlink_address_add(&nl, 1, &a) != rows[i].result)
			fail_msg("row %s", rows[i].what);
	}
}

/* After a failure a late answer does not count for the next request. */
static void test_late(void **state)
{
	const struct address a = address_ipv4(0x0a4f0064);
	struct netlink nl = begin();

	(void)state;
	assert_int_equal(netlink_address_add(&nl, 1, &a), -EAGAIN);
	queue_row(&rows[0]);
	assert_int_equal(netlink_address_add(&nl, 1, &a), -EAGAIN);
}

/* ---- Lists ---- */

struct list {
	unsigned index[8];
	size_t n, enough;
};

static bool collect(void *ctx, const struct host_message *m)
{
	struct list *l = ctx;

	l->index[l->n++] = m->port.ifindex;
	return l->n == l->enough;
}

/* An address at interface index; 0: the end. Behind what the last datagram holds, or a new one. */
static void queue_address(unsigned index, uint32_t seq, uint16_t flags, bool anew)
{
	uint8_t room[64] __attribute__((aligned(8))) = {0}, own[4] = {10, 20, 0, 1};
	struct nlmsghdr *h = mnl_nlmsg_put_header(room);

	h->nlmsg_type = index ? RTM_NEWADDR : NLMSG_DONE;
	h->nlmsg_seq = seq;
	h->nlmsg_flags = flags;
	if (index) {
		struct ifaddrmsg *i = mnl_nlmsg_put_extra_header(h, sizeof(*i));

		i->ifa_family = AF_INET;
		i->ifa_prefixlen = 24;
		i->ifa_index = index;
		mnl_attr_put(h, IFA_LOCAL, sizeof(own), own);
	}
	if (anew)
		queue[queued++].len = 0;
	memcpy(queue[queued - 1].data + queue[queued - 1].len, h, h->nlmsg_len);
	queue[queued - 1].len += h->nlmsg_len;
}

static int ask_list(struct netlink *nl, struct list *l)
{
	struct netlink_request r;

	mnl_nlmsg_put_extra_header(netlink_request_init(&r, RTM_GETADDR, NLM_F_DUMP),
				   sizeof(struct ifaddrmsg));
	return netlink_ask(nl, &r, collect, l);
}

static void test_list(void **state)
{
	struct netlink nl = begin();
	struct list l = {0};

	(void)state;
	queue_address(3, SEQ, NLM_F_MULTI, true);
	queue_address(4, SEQ + 8, NLM_F_MULTI, false); /* To another request. */
	queue_address(5, SEQ, NLM_F_MULTI, false);
	queue_address(6, SEQ, NLM_F_MULTI, true);
	queue_address(0, SEQ, NLM_F_MULTI, false);
	queue_address(7, SEQ, NLM_F_MULTI, false); /* Behind the end. */
	assert_int_equal(ask_list(&nl, &l), 0);
	assert_int_equal(l.n, 3);
	assert_true(l.index[0] == 3 && l.index[1] == 5 && l.index[2] == 6);
	assert_int_equal(((struct nlmsghdr *)sent)->nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
}

static void test_list_enough(void **state)
{
	struct netlink nl = begin();
	struct list l = {.enough = 1};

	(void)state;
	queue_address(3, SEQ, 0, true);
	queue_address(4, SEQ, 0, true);
	assert_int_equal(ask_list(&nl, &l), 0);
	assert_int_equal(l.n, 1);
	assert_int_equal(taken, 1);
}

/* An address that is missing because the list was torn must not make a node unfit. */
static void test_list_torn(void **state)
{
	struct netlink nl = begin();
	struct list l = {0};

	(void)state;
	queue_address(3, SEQ, NLM_F_MULTI, true);
	queue_address(0, SEQ, NLM_F_MULTI | NLM_F_DUMP_INTR, false);
	assert_int_equal(ask_list(&nl, &l), -EINTR);
}

static void test_list_refused(void **state)
{
	struct netlink nl = begin();
	struct list l = {0};

	(void)state;
	queue_row(&rows[1]);
	assert_int_equal(ask_list(&nl, &l), -EPERM);
	assert_int_equal(l.n, 0);
}

/* ---- Requests ---- */

static struct host_message told(void)
{
	struct host_message m;

	assert_int_equal(host_message_parse(&m, sent, sent_len), sent_len);
	assert_int_equal(((struct nlmsghdr *)sent)->nlmsg_flags & (NLM_F_REQUEST | NLM_F_ACK),
			 NLM_F_REQUEST | NLM_F_ACK);
	return m;
}

static void assert_told(enum host_message_kind kind, unsigned ifindex, const char *prefix)
{
	struct host_message m = told();
	struct prefix p;

	assert_int_equal(prefix_parse(&p, prefix), OK);
	assert_int_equal(m.kind, kind);
	assert_int_equal(m.port.ifindex, ifindex);
	assert_true(address_equal(&m.prefix.address, &p.address));
	assert_int_equal(m.prefix.bits, p.bits);
}

static void test_requests(void **state)
{
	struct netlink nl = begin();
	struct prefix p;
	struct address six;

	(void)state;
	assert_int_equal(prefix_parse(&p, "10.30.5.5/16"), OK);
	assert_int_equal(address_parse(&six, "2001:db8::1"), OK);
	(void)netlink_address_add(&nl, 7, &p.address);
	assert_told(HOST_MESSAGE_ADDRESS, 7, "10.30.5.5/32");
	(void)netlink_address_del(&nl, 7, &six);
	assert_told(HOST_MESSAGE_ADDRESS_GONE, 7, "2001:db8::1/128");
	(void)netlink_route_add(&nl, 7, &p, &p.address);
	assert_told(HOST_MESSAGE_ROUTE, 7, "10.30.0.0/16");
	(void)netlink_route_del(&nl, 7, &p);
	assert_told(HOST_MESSAGE_ROUTE_GONE, 7, "10.30.0.0/16");
	(void)netlink_link_up(&nl, 7, 1326);
	assert_int_equal(told().port.ifindex, 7);
	assert_int_equal(told().port.mtu, 1326);
	assert_true(told().port.up);
}

/* A route that is there already stays as it is, whoever added it. */
static void test_blackhole(void **state)
{
	const struct nlmsghdr *h = (struct nlmsghdr *)sent;
	const struct rtmsg *r = mnl_nlmsg_get_payload(h);
	struct netlink nl = begin();
	struct prefix p;

	(void)state;
	assert_int_equal(prefix_parse(&p, "10.20.0.1/24"), OK);
	(void)netlink_blackhole_add(&nl, &p);
	assert_int_equal(h->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
	assert_int_equal(r->rtm_type, RTN_BLACKHOLE);
	assert_int_equal(r->rtm_dst_len, 24);
	assert_int_equal(h->nlmsg_len, NLMSG_LENGTH(sizeof(*r)) + 2 * 8); /* RTA_DST, RTA_PRIORITY */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),	    cmocka_unit_test(test_late),
		cmocka_unit_test(test_list),	    cmocka_unit_test(test_list_enough),
		cmocka_unit_test(test_list_torn),   cmocka_unit_test(test_list_refused),
		cmocka_unit_test(test_requests),    cmocka_unit_test(test_blackhole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
