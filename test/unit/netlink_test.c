/* SPDX-License-Identifier: Apache-2.0 */
/* What the answers of rtnetlink are taken for, whoever wrote them. */
#include "xdp/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* The other end of the socket answers before it is asked. */
static void answer(int fd, const struct row *r)
{
	uint8_t data[256] = {0};
	size_t at = 0;

	for (size_t i = 0; i < 2 && r->message[i].len; i++) {
		struct nlmsghdr h = {.nlmsg_len = r->message[i].len, .nlmsg_type = r->message[i].type,
				     .nlmsg_seq = r->message[i].seq};

		memcpy(data + at, &h, sizeof(h));
		memcpy(data + at + sizeof(h), &r->message[i].error, sizeof(r->message[i].error));
		at += NLMSG_ALIGN(r->message[i].len);
	}
	assert_int_equal(send(fd, data, r->received, 0), r->received);
}

static void test_answers(void **state)
{
	const struct address a = address_ipv4(0x0a4f0064);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct timeval at_once = {.tv_usec = 1000};
		struct netlink nl = {0};
		int fd[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fd), 0);
		assert_int_equal(setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &at_once, sizeof(at_once)), 0);
		nl.fd = fd[0];
		answer(fd[1], &rows[i]);
		if (netlink_address_add(&nl, 1, &a) != rows[i].result)
			fail_msg("row %s", rows[i].what);
		netlink_close(&nl);
		close(fd[1]);
	}
}

/* After a failure the next request is not taken for answered by what was late. */
static void test_late(void **state)
{
	const struct address a = address_ipv4(0x0a4f0064);
	const struct timeval at_once = {.tv_usec = 1000};
	struct netlink nl = {0};
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fd), 0);
	assert_int_equal(setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &at_once, sizeof(at_once)), 0);
	nl.fd = fd[0];
	assert_int_equal(netlink_address_add(&nl, 1, &a), -EAGAIN);
	answer(fd[1], &rows[0]);
	assert_int_equal(netlink_address_add(&nl, 1, &a), -EAGAIN);
	netlink_close(&nl);
	close(fd[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
