/* SPDX-License-Identifier: Apache-2.0 */
/* The protocol of a control socket: one line of JSON as request, one as answer.
 *
 *   {"do":"end","session":7}          {"ok":true,"sessions":1,"text":"session 7 is ended"}
 *   {"do":"end","identity":"cl"}
 *   {"do":"revoke","identity":"cl"}   {"ok":false,"sessions":0,"text":"unknown identity ..."}
 *   {"do":"allow","identity":"cl"}
 *   {"do":"prune"}, {"do":"prune","yes":true}
 *   {"do":"reload"}                   {"ok":false,"sessions":0,"text":"cluster.toml:12: ..."}
 *   {"do":"list"}                     {"ok":true,"sessions":0,"text":"...","revoked":["cl"]} */
#ifndef NODE_CONTROL_CONTROL_LINE_H
#define NODE_CONTROL_CONTROL_LINE_H

#include "cluster/core/control.h"

#include <stdbool.h>
#include <stddef.h>

#define CONTROL_LINE_MAX 1024u          /* Octets of a request. */
#define CONTROL_ANSWER_MAX (512u << 10) /* ... and of an answer: a list of all that may be revoked. */
#define CONTROL_WHY_LEN 200u
/* Verbs that are not the core's business: one is answered at once, one is for reload.h. */
#define CONTROL_LIST 0
#define CONTROL_RELOAD ((enum control_verb)(CONTROL_PRUNE_YES + 1))

/* Reads a request, without its newline. False: why says what is wrong with it. */
bool control_line_read(struct control_request *r, const char *line, size_t len,
		       char why[CONTROL_WHY_LEN]);

struct json_t;
/* An answer with its newline, malloc'ed. Adopts revoked, which may be NULL. */
char *control_line_answer(bool ok, unsigned sessions, const char *text, struct json_t *revoked);

#endif
