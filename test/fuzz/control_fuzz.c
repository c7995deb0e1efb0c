/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket: requests of a local program to a node (an even first octet), and answers to
 * `baton revoke` and the like from any process at the path (an odd one).
 *
 * What must hold: an accepted request is one that the core knows, with exactly the keys of its
 * verb; a refusal says why; an answer gives a documented exit status, and a terminal gets lines of
 * printable ASCII. */
#include "node/cli/cmd_control.c" /* For print_answer(). */

#include "proto/ike/ike_config.h"

#include <assert.h>
#include <ctype.h>

/* runs: 20000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_request(const char *line, size_t len)
{
	static const struct ike_id none;
	char why[CONTROL_WHY_LEN] = "";
	struct control_request r;

	if (!control_line_read(&r, line, len, why)) {
		assert(why[0]);
		return;
	}
	assert(len <= CONTROL_LINE_MAX && (unsigned)r.verb <= CONTROL_RELOAD && r.from == 0);
	assert((r.verb == CONTROL_END) == (r.session != 0));
	if (r.verb == CONTROL_END_IDENTITY || r.verb == CONTROL_REVOKE || r.verb == CONTROL_ALLOW)
		assert(r.id.len > 0 && r.id.len <= IKE_ID_MAX);
	else
		assert(memcmp(&r.id, &none, sizeof(none)) == 0);
}

static void check_answer(const char *text, size_t len, bool json)
{
	struct order o = {.verb = "revoke", .json = json};
	FILE *terminal = stdout, *notes = stderr;
	json_t *answer = json_loadb(text, len, 0, NULL);
	char *said = NULL;
	size_t said_len = 0;
	int status;

	if (!json_is_object(answer)) { /* ask() says "no answer". */
		json_decref(answer);
		return;
	}
	stdout = stderr = open_memstream(&said, &said_len);
	assert(stdout);
	status = print_answer(&o, answer);
	fclose(stdout);
	stdout = terminal;
	stderr = notes;
	assert(status == (json_is_true(json_object_get(answer, "ok")) ? CMD_OK : CMD_FAILED));
	for (size_t i = 0; i < said_len && !json; i++)
		assert(said[i] == '\n' || isprint((unsigned char)said[i]));
	free(said);
	json_decref(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len < 1)
		return 0;
	if (data[0] & 1)
		check_answer((const char *)data + 1, len - 1, data[0] & 2);
	else
		check_request((const char *)data + 1, len - 1);
	return 0;
}
