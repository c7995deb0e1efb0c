/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions are polled four times a second: a start waits rarely, and then for seconds. The log
 * has a line when a wait begins, one a minute, and one when it is over. */
#include "node/process/wait.h"

#include "xdp/host/interface.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURN_MS 250u

static void on_pause(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

bool wait_turn(struct node *n, const char *name, const char *format, ...)
{
	char text[READY_TEXT_LEN];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	ready_block(n->ready, name, "%s", text);
	uv_timer_start(&n->pause, on_pause, TURN_MS, 0);
	if (!n->ended)
		uv_run(&n->loop, UV_RUN_DEFAULT);
	uv_timer_stop(&n->pause);
	return !n->ended;
}

bool wait_clock(struct node *n)
{
	char why[TLS_ERR_LEN];

	while (tls_context_early(n->tls, why))
		if (!wait_turn(n, "clock", "%s", why))
			return false;
	ready_unblock(n->ready, "clock");
	return true;
}

/* An IPv6 address that is still being checked for duplicates is not here yet either. */
static bool is_here(const struct endpoint *e)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	bool four = e->address.family == 4;
	int fd = socket(four ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool here;

	memcpy(&v4.sin_addr, e->address.octets, 4);
	memcpy(&v6.sin6_addr, e->address.octets, 16);
	here = fd < 0 || bind(fd, four ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
			      four ? sizeof(v4) : sizeof(v6)) == 0 || errno != EADDRNOTAVAIL;
	if (fd >= 0)
		close(fd);
	return here;
}

bool wait_link(struct node *n)
{
	const struct endpoint *own = &n->config->node[n->config->cluster.self].link;
	char text[ADDRESS_TEXT_LEN];

	while (!is_here(own))
		if (!wait_turn(n, "link_address", "link: %s is no address of this host yet",
			       address_format(&own->address, text)))
			return false;
	ready_unblock(n->ready, "link_address");
	return true;
}

bool wait_interfaces(struct node *n)
{
	const struct node_entry *self = &n->config->node[n->config->cluster.self];
	const struct {
		const char *key, *name;
	} wanted[] = {{"outer_interface", self->outer_interface},
		      {"inner_interface", self->inner_interface}};
	size_t i = 0;

	while (i < 2) {
		const char *why = interface_missing(wanted[i].name);

		if (why && !wait_turn(n, "interface", "%s \"%s\" %s", wanted[i].key, wanted[i].name, why))
			return false;
		i = why ? 0 : i + 1;
	}
	ready_unblock(n->ready, "interface");
	return true;
}
