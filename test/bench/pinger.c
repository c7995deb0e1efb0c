/* SPDX-License-Identifier: Apache-2.0 */
/* Numbered UDP packets at an exact rate, and the fate of each.
 *
 *    pinger echo PORT                                  sends back what comes
 *    pinger send ADDR PORT RATE SECS LINGER FILE       RATE packets/s for SECS s
 *
 * "send" writes a line a packet to FILE when it ends (SIGTERM ends it early): "number sent_us
 * answered_us", the last one "-" if no answer came within LINGER s of the end, and a last line "#
 * duplicates N send_errors N late_us N". Times are CLOCK_REALTIME in microseconds, so that a
 * shell's EPOCHREALTIME at a kill compares; an answer's is the kernel's (SO_TIMESTAMPNS), so that a
 * busy machine does not add the scheduler's delay to the network's. Packets leave on a schedule of
 * absolute times: a late one does not delay the others; late_us is the worst lateness, which shows
 * whether the machine kept up.
 *
 * The socket is not connected, so that the source address is looked up for each
 * packet: a client that gets a new tunnel gets its packets through again. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define PAYLOAD 56u

struct message {
	uint64_t run;
	uint64_t number;
	uint8_t pad[PAYLOAD - 16];
};

struct record {
	int64_t sent_ns;
	int64_t answered_ns; /* 0: not */
};

struct run {
	int fd;
	struct sockaddr_in to;
	uint64_t id;
	uint64_t total; /* Room in rows. */
	uint64_t sent;
	uint64_t answered, duplicates, send_errors;
	int64_t late_ns;
	struct record *rows;
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static int64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int udp_socket(uint16_t port)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), room = 8 << 20, on = 1;

	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) != 0) {
		perror("pinger: socket");
		exit(1);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	return fd;
}

static int echo(uint16_t port)
{
	int fd = udp_socket(port);

	puts("listening");
	fflush(stdout);
	while (!stop) {
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		uint8_t data[2048];
		ssize_t n = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &len);

		if (n > 0 && sendto(fd, data, (size_t)n, 0, (struct sockaddr *)&from, len) < 0)
			continue; /* Lost: the sender will see. */
	}
	return 0;
}

static int64_t arrival_ns(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec t;

			memcpy(&t, CMSG_DATA(c), sizeof(t));
			return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
		}
	return now_ns(CLOCK_REALTIME);
}

static void run_receive(struct run *r)
{
	for (;;) {
		struct message m;
		char control[128];
		struct iovec iov = { &m, sizeof(m) };
		struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
				    .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(r->fd, &h, MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < (ssize_t)sizeof(m) || m.run != r->id || m.number >= r->sent)
			continue;
		if (r->rows[m.number].answered_ns) {
			r->duplicates++;
			continue;
		}
		r->rows[m.number].answered_ns = arrival_ns(&h);
		r->answered++;
	}
}

/* Waits for answers until the monotonic time `due`. */
static void run_wait(struct run *r, int64_t due)
{
	while (!stop) {
		struct pollfd p = { .fd = r->fd, .events = POLLIN };
		int64_t left = due - now_ns(CLOCK_MONOTONIC);
		struct timespec t = { left / 1000000000, left % 1000000000 };

		if (left <= 0)
			return;
		if (ppoll(&p, 1, &t, NULL) > 0)
			run_receive(r);
	}
}

static void run_send(struct run *r)
{
	struct message m = { .run = r->id, .number = r->sent };

	r->rows[r->sent++].sent_ns = now_ns(CLOCK_REALTIME);
	if (sendto(r->fd, &m, sizeof(m), 0, (struct sockaddr *)&r->to, sizeof(r->to)) < 0)
		r->send_errors++;
}

static int run_write(const struct run *r, const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f) {
		perror(path);
		return 1;
	}
	for (uint64_t i = 0; i < r->sent; i++) {
		fprintf(f, "%llu %lld ", (unsigned long long)i, (long long)r->rows[i].sent_ns / 1000);
		if (r->rows[i].answered_ns)
			fprintf(f, "%lld\n", (long long)r->rows[i].answered_ns / 1000);
		else
			fputs("-\n", f);
	}
	fprintf(f, "# duplicates %llu send_errors %llu late_us %lld\n",
		(unsigned long long)r->duplicates, (unsigned long long)r->send_errors,
		(long long)r->late_ns / 1000);
	if (fclose(f) != 0) {
		perror(path);
		return 1;
	}
	return 0;
}

static int send_all(char **argv)
{
	struct run r = { .fd = udp_socket(0) };
	double rate = atof(argv[4]), secs = atof(argv[5]), linger = atof(argv[6]);
	int64_t begin, end;

	r.to.sin_family = AF_INET;
	r.to.sin_port = htons((uint16_t)atoi(argv[3]));
	if (inet_pton(AF_INET, argv[2], &r.to.sin_addr) != 1 || rate <= 0 || secs <= 0) {
		fprintf(stderr, "pinger: bad address, rate or time\n");
		return 2;
	}
	r.id = (uint64_t)now_ns(CLOCK_REALTIME) ^ ((uint64_t)getpid() << 48);
	r.total = (uint64_t)(rate * secs);
	r.rows = calloc(r.total + 1, sizeof(*r.rows));
	if (!r.rows)
		return 1;
	begin = now_ns(CLOCK_MONOTONIC);
	while (r.sent < r.total && !stop) {
		int64_t due = begin + (int64_t)((double)r.sent * 1e9 / rate), late;

		run_wait(&r, due);
		run_receive(&r);
		late = now_ns(CLOCK_MONOTONIC) - due;
		if (late > r.late_ns)
			r.late_ns = late;
		run_send(&r);
	}
	stop = 0;
	end = now_ns(CLOCK_MONOTONIC) + (int64_t)(linger * 1e9);
	while (!stop && r.answered < r.sent && now_ns(CLOCK_MONOTONIC) < end)
		run_wait(&r, now_ns(CLOCK_MONOTONIC) + 10000000);
	return run_write(&r, argv[7]);
}

int main(int argc, char **argv)
{
	const struct sched_param first = { .sched_priority = 10 };
	struct sigaction a = { .sa_handler = on_signal };

	sigaction(SIGTERM, &a, NULL);
	sigaction(SIGINT, &a, NULL);
	/* Where it is allowed: the measure is not to wait for what is measured. */
	(void)sched_setscheduler(0, SCHED_FIFO, &first);
	if (argc == 3 && strcmp(argv[1], "echo") == 0)
		return echo((uint16_t)atoi(argv[2]));
	if (argc == 8 && strcmp(argv[1], "send") == 0)
		return send_all(argv);
	fprintf(stderr, "usage: pinger echo PORT\n"
			"       pinger send ADDR PORT RATE SECS LINGER FILE\n");
	return 2;
}
