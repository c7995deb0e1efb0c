/* SPDX-License-Identifier: Apache-2.0 */
/* Floods of packets that need no keys, each with another source address, for the tests and the
 * benchmark of this tree. It runs only in their namespaces.
 *
 *    flood init DST SECS RATE            IKE_SA_INIT requests that could be answered
 *    flood auth DST SECS RATE            IKE_AUTH requests of IKE SAs that there are not
 *    flood esp  DST SECS RATE SPI...     ESP in UDP under these SPIs, nothing authentic
 *
 * RATE packets a second for SECS seconds, as far as this machine makes them. Sources are
 * 198.18.0.0/15 (RFC 2544: benchmarks), which nobody answers. Prints JSON. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 32u
#define PACKET_MAX 512u
#define SPIS_MAX 64
#define SECS_MAX 120.0
#define RATE_MAX 1e6

enum kind { FLOOD_INIT, FLOOD_AUTH, FLOOD_ESP };

struct flood {
	enum kind kind;
	struct in_addr to;
	uint32_t spi[SPIS_MAX];
	unsigned n_spi;
	uint64_t stream; /* splitmix64 */
};

static uint64_t draw(struct flood *f)
{
	uint64_t z = (f->stream += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void fill(struct flood *f, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)draw(f);
}

/* SA (AES-GCM-128, PRF SHA-256, X25519), KE, nonce: RFC 7296 1.2. */
static size_t make_init(struct flood *f, uint8_t *p)
{
	static const uint8_t head[] = {33, 0x20, 34, 0x08, 0, 0, 0, 0, 0, 0, 0, 144};
	static const uint8_t sa[] = {34, 0, 0, 40, 0, 0, 0, 36, 1, 1, 0, 3, 3, 0, 0, 12, 1, 0, 0, 20,
				     0x80, 14, 0, 128, 3, 0, 0, 8, 2, 0, 0, 5, 0, 0, 0, 8, 4, 0, 0, 31};
	static const uint8_t ke[] = {40, 0, 0, 40, 0, 31, 0, 0}, nonce[] = {0, 0, 0, 36};

	fill(f, p, 8);
	memset(p + 8, 0, 8);
	memcpy(p + 16, head, sizeof(head));
	memcpy(p + 28, sa, sizeof(sa));
	memcpy(p + 68, ke, sizeof(ke));
	fill(f, p + 76, 32);
	memcpy(p + 108, nonce, sizeof(nonce));
	fill(f, p + 112, 32);
	return 144;
}

static size_t make_auth(struct flood *f, uint8_t *p)
{
	static const uint8_t head[] = {46, 0x20, 35, 0x08, 0, 0, 0, 1, 0, 0, 0, 200, 35, 0, 0, 172};

	fill(f, p, 16);
	memcpy(p + 16, head, sizeof(head));
	fill(f, p + 32, 168);
	return 200;
}

static size_t make_esp(struct flood *f, uint8_t *p)
{
	uint32_t spi = htonl(f->spi[draw(f) % f->n_spi]), seq = htonl((uint32_t)(draw(f) % 1000000));

	memcpy(p, &spi, 4);
	memcpy(p + 4, &seq, 4);
	fill(f, p + 8, 104);
	return 112;
}

/* One IP packet from an address not used before. */
static size_t make(struct flood *f, uint8_t *p)
{
	size_t head = sizeof(struct iphdr) + sizeof(struct udphdr), len;
	uint16_t port = f->kind == FLOOD_ESP ? 4500 : 500;
	struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP};
	struct udphdr udp = {0};

	len = f->kind == FLOOD_INIT   ? make_init(f, p + head)
	      : f->kind == FLOOD_AUTH ? make_auth(f, p + head)
				      : make_esp(f, p + head);
	ip.saddr = htonl(0xc6120000u | (uint32_t)(draw(f) & 0x1ffff));
	ip.daddr = f->to.s_addr;
	ip.tot_len = htons((uint16_t)(head + len));
	udp.source = htons((uint16_t)(1024 + draw(f) % 60000));
	udp.dest = htons(port);
	udp.len = htons((uint16_t)(sizeof(udp) + len)); /* No checksum: it is optional. */
	memcpy(p, &ip, sizeof(ip));
	memcpy(p + sizeof(ip), &udp, sizeof(udp));
	return head + len;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Its packets must never leave the namespaces of a test: those have these interfaces and no others. */
static void demand_laboratory(void)
{
	static const char known[] = " lo wan lan ctl tunl0 sit0 ip6tnl0 gre0 gretap0 erspan0 ip_vti0 ip6_vti0 ";
	struct if_nameindex *list = if_nameindex();
	char word[IF_NAMESIZE + 2];

	for (const struct if_nameindex *i = list; i && i->if_index; i++) {
		snprintf(word, sizeof(word), " %s ", i->if_name);
		if (!strstr(known, word)) {
			fprintf(stderr, "flood: only in a laboratory of test/netns\n");
			exit(2);
		}
	}
	if_freenameindex(list);
}

static void run(struct flood *f, double secs, double rate)
{
	static uint8_t packet[BATCH][PACKET_MAX];
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = f->to};
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	struct mmsghdr message[BATCH];
	struct iovec iov[BATCH];
	double begin = now_s(), now;
	uint64_t sent = 0, refused = 0;

	assert(fd >= 0);
	memset(message, 0, sizeof(message));
	while ((now = now_s()) - begin < secs) {
		int n;

		if ((double)(sent + refused) > (now - begin) * rate) {
			nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
			continue;
		}
		for (unsigned i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){packet[i], make(f, packet[i])};
			message[i].msg_hdr.msg_iov = &iov[i];
			message[i].msg_hdr.msg_iovlen = 1;
			message[i].msg_hdr.msg_name = &to;
			message[i].msg_hdr.msg_namelen = sizeof(to);
		}
		n = sendmmsg(fd, message, BATCH, 0);
		sent += n > 0 ? (uint64_t)n : 0;
		refused += n < (int)BATCH ? BATCH - (uint64_t)(n > 0 ? n : 0) : 0;
	}
	printf("{\"sent\": %llu, \"refused\": %llu, \"secs\": %.2f, \"per_s\": %.0f}\n",
	       (unsigned long long)sent, (unsigned long long)refused, now - begin,
	       (double)sent / (now - begin));
}

int main(int argc, char **argv)
{
	struct flood f = {.n_spi = 0};
	static const char *const kinds[] = {"init", "auth", "esp"};
	double secs = argc > 3 ? atof(argv[3]) : 0, rate = argc > 4 ? atof(argv[4]) : 0;
	unsigned kind = 0;

	while (argc > 4 && kind < 3 && strcmp(argv[1], kinds[kind]) != 0)
		kind++;
	for (int i = 5; i < argc && f.n_spi < SPIS_MAX; i++)
		f.spi[f.n_spi++] = (uint32_t)strtoul(argv[i], NULL, 16);
	if (argc < 5 || kind == 3 || (kind == FLOOD_ESP && !f.n_spi) || secs <= 0 || secs > SECS_MAX ||
	    rate <= 0 || rate > RATE_MAX || inet_pton(AF_INET, argv[2], &f.to) != 1) {
		fprintf(stderr, "usage: flood init|auth|esp DST SECS RATE [SPI...]\n");
		return 2;
	}
	demand_laboratory();
	f.kind = (enum kind)kind;
	if (getrandom(&f.stream, sizeof(f.stream), 0) != sizeof(f.stream))
		return 1;
	run(&f, secs, rate);
	return 0;
}
