/* SPDX-License-Identifier: Apache-2.0 */
/* Who reads cluster.toml again while the node runs. The node itself may not any more: it has
 * become a user who may read no secret (user.h). So before it reads anything, it makes a second
 * process, which stays who it was, keeps nothing but the right to read, and does one thing: asked
 * by one octet, it reads the file that the node was started with, and all that this names, checks
 * it as `baton check` does, and says what it came to (config_image.h). Whoever is inside the node
 * can have the file read again by it, and nothing else. */
#ifndef NODE_PROCESS_CONFIG_READER_H
#define NODE_PROCESS_CONFIG_READER_H

/* While there is one thread, before any secret is read. The end of a socket: an octet goes in, an
 * image comes back. The process ends when that is closed. -1: there is none, errno says why. */
int config_reader_start(const char *path, const char *node_name);

#endif
