/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket: anybody who may open it may end sessions and revoke identities. It serves
 * `baton end` and similar commands (cmd_control.c); the file's mode is the guard. */
#ifndef NODE_CONTROL_CONTROL_SOCKET_H
#define NODE_CONTROL_CONTROL_SOCKET_H

#include "node/control/control_line.h"

#include <jansson.h>
#include <uv.h>

#define CONTROL_ERR_LEN 300u
#define CONTROL_PATH_MAX 108u      /* sun_path */
#define CONTROL_CONNECTIONS_MAX 8u /* One more is closed at once. */

struct control_face {
	void *ctx;
	/* Answered by control_socket_answer(), now or later. Borrows r. */
	void (*request)(void *ctx, const struct control_request *r);
	json_t *(*revoked)(void *ctx); /* A new list: of their names. */
	void (*reload)(void *ctx, uint64_t from); /* Answered as a request is. */
};

struct control_socket;

/* Binds at path, with mode 0660; makes its folder if only that is missing, and removes a socket
 * that an ended process left there. NULL: err says why. Nobody can connect yet: this comes before
 * the process gives up the rights that it may take ... */
struct control_socket *control_socket_open(uv_loop_t *loop, const char *path,
					   char err[CONTROL_ERR_LEN]);
/* ... and this when the core is there to be asked. False: err says why. */
bool control_socket_serve(struct control_socket *c, const struct control_face *face,
			  char err[CONTROL_ERR_LEN]);
void control_socket_answer(struct control_socket *c, uint64_t from, bool ok, uint32_t sessions,
			   const char *text);
void control_socket_stop(struct control_socket *c); /* Frees it in a later turn of the loop. */

#endif
