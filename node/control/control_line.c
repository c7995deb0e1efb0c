/* SPDX-License-Identifier: Apache-2.0 */
/* Requests are strict: each verb has its keys and no others, so that a misspelled key is not taken
 * for a missing one. */
#include "node/control/control_line.h"

#include "proto/ike/ike_config.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool wrong(char why[CONTROL_WHY_LEN], const char *text)
{
	snprintf(why, CONTROL_WHY_LEN, "%s", text);
	return false;
}

static bool read_identity(struct control_request *r, const json_t *v, char why[CONTROL_WHY_LEN])
{
	const char *text = json_string_value(v);

	/* A NUL inside would cut it. */
	if (!text || strlen(text) != json_string_length(v) || ike_id_parse(&r->id, text) != OK)
		return wrong(why, "\"identity\" is not an identity such as one in a [[secret]]");
	return true;
}

/* 1 and up; 0: it is none. */
static uint64_t read_session(const json_t *v)
{
	return json_is_integer(v) && json_integer_value(v) > 0 ? (uint64_t)json_integer_value(v) : 0;
}

static bool read_end(struct control_request *r, const json_t *o, char why[CONTROL_WHY_LEN])
{
	const json_t *session = json_object_get(o, "session"), *id = json_object_get(o, "identity");

	if (json_object_size(o) != 2 || !session == !id)
		return wrong(why, "\"end\" takes \"session\" or \"identity\"");
	r->verb = session ? CONTROL_END : CONTROL_END_IDENTITY;
	if (id)
		return read_identity(r, id, why);
	r->session = read_session(session);
	return r->session != 0 || wrong(why, "\"session\" is not the id of a session");
}

static bool read_prune(struct control_request *r, const json_t *o, char why[CONTROL_WHY_LEN])
{
	const json_t *yes = json_object_get(o, "yes");

	if (json_object_size(o) != 1u + (yes != NULL) || (yes && !json_is_boolean(yes)))
		return wrong(why, "\"prune\" takes \"yes\", true or false");
	r->verb = json_is_true(yes) ? CONTROL_PRUNE_YES : CONTROL_PRUNE;
	return true;
}

static bool read_verb(struct control_request *r, const json_t *o, char why[CONTROL_WHY_LEN])
{
	const char *verb = json_string_value(json_object_get(o, "do"));
	const json_t *id = json_object_get(o, "identity");

	if (!verb)
		return wrong(why, "\"do\" is missing");
	if (strcmp(verb, "end") == 0)
		return read_end(r, o, why);
	if (strcmp(verb, "prune") == 0)
		return read_prune(r, o, why);
	if (strcmp(verb, "reload") == 0) {
		r->verb = CONTROL_RELOAD;
		return json_object_size(o) == 1 || wrong(why, "\"reload\" takes nothing");
	}
	if (strcmp(verb, "list") == 0)
		return json_object_size(o) == 1 || wrong(why, "\"list\" takes nothing");
	if (strcmp(verb, "revoke") != 0 && strcmp(verb, "allow") != 0)
		return wrong(why, "\"do\" is none of end, revoke, allow, prune, list, reload");
	if (json_object_size(o) != 2 || !id)
		return wrong(why, "\"revoke\" and \"allow\" take \"identity\"");
	r->verb = verb[0] == 'r' ? CONTROL_REVOKE : CONTROL_ALLOW;
	return read_identity(r, id, why);
}

bool control_line_read(struct control_request *r, const char *line, size_t len,
		       char why[CONTROL_WHY_LEN])
{
	json_t *o = len <= CONTROL_LINE_MAX ? json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL)
					    : NULL;
	bool good;

	memset(r, 0, sizeof(*r));
	good = json_is_object(o) ? read_verb(r, o, why) : wrong(why, "it is not a JSON object");
	json_decref(o);
	return good;
}

char *control_line_answer(bool ok, unsigned sessions, const char *text, json_t *revoked)
{
	json_t *o = json_pack("{s:b, s:i, s:s%, s:o*}", "ok", ok, "sessions", (int)sessions, "text", text,
			      strlen(text), "revoked", revoked);
	char *line = o ? json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL, *whole = NULL;

	if (line && asprintf(&whole, "%s\n", line) < 0)
		whole = NULL;
	free(line);
	json_decref(o);
	return whole;
}
