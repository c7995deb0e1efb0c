/* SPDX-License-Identifier: Apache-2.0 */
/* From the control thread to the worker: SA updates in order, packets from other nodes, questions.
 * One lock, held for pointer swaps only; the worker never waits longer than that for the control
 * thread. */
#ifndef XDP_MAILBOX_H
#define XDP_MAILBOX_H

#include "xdp/datapath.h"
#include "xdp/engine/engine.h"

#include <pthread.h>

#define INJECTED_MAX 4096u /* Packets of other nodes that may wait. */

struct posted_update {
	struct sa_update update;
	struct sa *sa; /* For a PUT; adopted by the taker. */
};

struct injected_packet {
	struct injected_packet *next;
	enum datapath_direction direction;
	struct sad_path path;
	size_t len;
	uint8_t buffer[PACKET_BUFFER];
};

struct stats_question { /* On the asker's stack until answered. */
	const uint32_t *spi_in;
	struct datapath_sa_stats *out;
	size_t n;
	bool answered;
};

struct mail { /* What the worker took out. */
	struct posted_update *updates;
	size_t n_updates, room;
	uint64_t ticket; /* The last update's, 0 if none. */
	struct injected_packet *injected; /* In order. */
	struct stats_question *question;
};

struct mailbox {
	pthread_mutex_t lock;
	pthread_cond_t answer;
	int wake; /* eventfd; readable when there is mail. */
	struct mail waiting;
	struct injected_packet **injected_end;
	size_t n_injected;
	uint64_t tickets;
	bool closed;
};

int mailbox_init(struct mailbox *b); /* 0 or a negative errno. */
void mailbox_fini(struct mailbox *b); /* Frees what was never taken. */

enum status mailbox_post(struct mailbox *b, struct posted_update *updates, size_t n,
			 uint64_t *ticket) must_check; /* Copies the array, adopts the SAs. */
enum status mailbox_inject(struct mailbox *b, struct injected_packet *p) must_check; /* Adopts. */
void mailbox_ask(struct mailbox *b, struct stats_question *q); /* Waits for the answer. */
void mailbox_wake(struct mailbox *b);

/* Worker. take swaps *m, which keeps its array for the next time. */
void mailbox_take(struct mailbox *b, struct mail *m);
void mailbox_answer(struct mailbox *b, struct stats_question *q);
void mailbox_close(struct mailbox *b); /* Nobody takes items any more; questions return. */
void mail_fini(struct mail *m);

#endif
