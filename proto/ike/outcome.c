/* SPDX-License-Identifier: Apache-2.0 */
/* Outcomes: a verdict, what goes with it, and one line for the log. */
#include "proto/ike/outcome.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ike_outcome_init(struct ike_outcome *o)
{
	memset(o, 0, sizeof(*o));
	o->verdict = IKE_VERDICT_DROP;
}

void ike_outcome_fini(struct ike_outcome *o)
{
	ike_datagrams_unref(o->reply);
	o->reply = NULL;
	if (o->half_open) {
		ike_half_open_fini(o->half_open);
		free(o->half_open);
		o->half_open = NULL;
	}
	if (o->next) {
		ike_session_fini(o->next);
		free(o->next);
		o->next = NULL;
	}
}

void ike_note(struct ike_outcome *o, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(o->note, sizeof(o->note), format, args);
	va_end(args);
}

void ike_drop(struct ike_outcome *o, enum drop why, const char *note)
{
	o->verdict = IKE_VERDICT_DROP;
	o->drop = why;
	ike_note(o, "%s", note);
}

void ike_later(const struct ike_env *env, struct ike_outcome *o)
{
	if (!env->dh || !env->dh->later)
		return;
	ike_outcome_fini(o);
	ike_outcome_init(o);
	o->verdict = IKE_VERDICT_LATER;
}

bool ike_is_admitted(const struct ike_env *env, struct ike_client client)
{
	return !env->admit || env->admit(env->ctx, client);
}
