/* SPDX-License-Identifier: Apache-2.0 */
/* Dies where a test says so. [test] die_file names a file that contains one line,
 *
 *    KIND:TEXT:WHEN        such as  commit:IKE rekey:before
 *
 * where KIND and TEXT are those of an event that the core emits ("propose" and
 * "commit", cluster/core/exchange.c), and WHEN is one of
 *
 *    before  nothing that the core asked for together with the event is done
 *    after   all of it is done
 *    sent    and the next IKE datagram, the reply, has left too
 *
 * The file is looked for at each such event, so a test can choose the next point while the cluster
 * runs, and the node that leads then dies. It is removed first: one line, one death. The death is
 * SIGKILL, so nothing is cleaned up. */
#include "node/process/node.h"

#include "cluster/link/frame.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_LEN 128u
#define LINGER_US 20000u /* For the other threads: storage, links, packets. */

static void die(const struct node *n)
{
	unlink(n->config->test.die_file);
	kill(getpid(), SIGKILL);
}

/* What the file says of this event; NULL: nothing. line is room for it. */
static const char *sentence(const struct node *n, const struct action *a, char line[LINE_MAX_LEN])
{
	char point[sizeof(a->event.text) + 32];
	FILE *f;
	size_t len;

	if (strcmp(a->event.kind, "propose") != 0 && strcmp(a->event.kind, "commit") != 0)
		return NULL;
	f = fopen(n->config->test.die_file, "re");
	if (!f)
		return NULL;
	len = fread(line, 1, LINE_MAX_LEN - 1, f);
	fclose(f);
	line[len] = '\0';
	line[strcspn(line, "\n")] = '\0';
	snprintf(point, sizeof(point), "%s:%s:", a->event.kind, a->event.text);
	return strncmp(line, point, strlen(point)) == 0 ? line + strlen(point) : NULL;
}

void die_before(struct node *n)
{
	char line[LINE_MAX_LEN];

	if (!n->config->test.die_file[0])
		return;
	for (size_t i = 0; i < n->actions.n; i++) {
		const struct action *a = &n->actions.list[i];
		const char *when = a->type == ACTION_EVENT ? sentence(n, a, line) : NULL;

		if (!when)
			continue;
		if (strcmp(when, "before") == 0)
			die(n);
		n->die = strcmp(when, "after") == 0 ? DIE_AFTER : DIE_SENT;
	}
}

static bool sends(const struct action *a)
{
	return a->type == ACTION_SEND_DATAGRAM ||
	       (a->type == ACTION_SEND_FRAME && a->frame.data->data[0] == FRAME_SEND);
}

void die_after(struct node *n)
{
	bool now = n->die == DIE_AFTER;

	for (size_t i = 0; n->die == DIE_SENT && i < n->actions.n; i++)
		now |= sends(&n->actions.list[i]);
	if (!now)
		return;
	link_flush(n->link); /* Else it leaves when the round ends. */
	usleep(LINGER_US);
	die(n);
}
