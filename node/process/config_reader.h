/* SPDX-License-Identifier: Apache-2.0 */
/* Reads cluster.toml again while the node runs. The node itself no longer may: it has become a user
 * who may read no secret (user.h). So before it reads anything, it forks a second process, which
 * stays the same user, keeps only the right to read, and does one thing: asked by one octet, it
 * reads the file that the node was started with, and every file that this names, checks it as
 * `baton check` does, and returns the result (config_image.h). An intruder in the node can make it
 * read the file again, and nothing else. */
#ifndef NODE_PROCESS_CONFIG_READER_H
#define NODE_PROCESS_CONFIG_READER_H

/* While there is one thread, before any secret is read. The end of a socket: an octet goes in, an
 * image comes back. The process ends when that is closed. -1: there is none, errno says why. */
int config_reader_start(const char *path, const char *node_name);

#endif
