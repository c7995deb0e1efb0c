/* SPDX-License-Identifier: Apache-2.0 */
/* The rules, one per line. A change that we can follow (another index, name, MTU or link-layer
 * address) gives no verdict. AF_XDP is the exception: its sockets and its program belong to the
 * device, and making new ones takes capabilities that no thread has any more. */
#include "xdp/host/host.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static enum host_verdict __attribute__((format(printf, 3, 4)))
say(enum host_verdict verdict, char *why, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, HOST_TEXT_LEN, format, ap);
	va_end(ap);
	return verdict;
}

static bool carries(const struct host_port *p, uint32_t program)
{
	for (unsigned i = 0; i < HOST_PROGRAMS; i++)
		if (p->program[i] == program)
			return true;
	return false;
}

enum host_verdict host_judge(const struct host_port *was, const struct host_port *now,
			     const char *port, uint32_t program, char why[HOST_TEXT_LEN])
{
	why[0] = '\0';
	if (!now->there)
		return say(program ? HOST_LEAVE : HOST_UNFIT, why, "%s interface '%s' is gone", port,
			   was->name);
	if (program && now->ifindex != was->ifindex)
		return say(HOST_LEAVE, why, "%s interface '%s' is another device now: AF_XDP needs a "
					    "restart",
			   port, now->name);
	if (program && !carries(now, program))
		return say(HOST_LEAVE, why, "the XDP program was detached from %s interface '%s'", port,
			   now->name);
	if (!now->up)
		return say(HOST_UNFIT, why, "%s interface '%s' is down", port, now->name);
	if (!now->running)
		return say(HOST_UNFIT, why, "%s interface '%s' has no carrier", port, now->name);
	if (was->address && !now->address)
		return say(HOST_UNFIT, why, "%s interface '%s' has lost its address", port, now->name);
	return HOST_GOOD;
}

struct host_change host_compare(const struct host_port *was, const struct host_port *now)
{
	struct host_change c = {false};

	if (!now->there)
		return c;
	c.index = now->ifindex != was->ifindex;
	c.mac = c.index || memcmp(now->mac, was->mac, sizeof(now->mac)) != 0;
	c.mtu = now->mtu != was->mtu;
	c.name = strncmp(now->name, was->name, HOST_NAME_LEN) != 0;
	return c;
}
