/* SPDX-License-Identifier: Apache-2.0 */
/* Two arrays of updates are swapped: one fills while the worker applies the other, so a takeover of
 * many thousands of sessions costs one lock. */
#include "xdp/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

int mailbox_init(struct mailbox *b)
{
	memset(b, 0, sizeof(*b));
	b->injected_end = &b->waiting.injected;
	b->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (b->wake < 0)
		return -errno;
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->answer, NULL);
	return 0;
}

void mail_fini(struct mail *m)
{
	for (size_t i = 0; i < m->n_updates; i++)
		engine_sa_free(m->updates[i].sa);
	free(m->updates);
	while (m->injected) {
		struct injected_packet *p = m->injected;

		m->injected = p->next;
		free(p);
	}
	memset(m, 0, sizeof(*m));
}

void mailbox_fini(struct mailbox *b)
{
	if (b->wake < 0)
		return;
	mail_fini(&b->waiting);
	pthread_mutex_destroy(&b->lock);
	pthread_cond_destroy(&b->answer);
	close(b->wake);
	b->wake = -1;
}

void mailbox_wake(struct mailbox *b)
{
	uint64_t one = 1;

	if (write(b->wake, &one, sizeof(one)) < 0)
		return; /* The counter is full: it is awake. */
}

enum status mailbox_post(struct mailbox *b, struct posted_update *updates, size_t n,
			 uint64_t *ticket)
{
	struct mail *m = &b->waiting;
	enum status status = ERR_FULL;
	bool first;

	assert(updates || n == 0);
	pthread_mutex_lock(&b->lock);
	first = m->n_updates == 0;
	if (m->n_updates + n > m->room) {
		size_t room = 2 * (m->n_updates + n);
		struct posted_update *grown = realloc(m->updates, room * sizeof(*grown));

		if (!grown)
			goto out;
		m->updates = grown;
		m->room = room;
	}
	memcpy(m->updates + m->n_updates, updates, n * sizeof(*updates));
	m->n_updates += n;
	assert(m->n_updates <= m->room);
	m->ticket = ++b->tickets;
	if (ticket)
		*ticket = m->ticket;
	status = OK;
out:
	pthread_mutex_unlock(&b->lock);
	if (status == OK && first)
		mailbox_wake(b);
	return status;
}

enum status mailbox_inject(struct mailbox *b, struct injected_packet *p)
{
	bool full, first;

	assert(p->len <= DATAPATH_PACKET_MAX);
	p->next = NULL;
	pthread_mutex_lock(&b->lock);
	assert(b->n_injected <= INJECTED_MAX);
	full = b->n_injected >= INJECTED_MAX || b->closed;
	first = b->n_injected == 0;
	if (!full) {
		*b->injected_end = p;
		b->injected_end = &p->next;
		b->n_injected++;
	}
	pthread_mutex_unlock(&b->lock);
	if (full) {
		free(p);
		return ERR_FULL;
	}
	if (first)
		mailbox_wake(b);
	return OK;
}

void mailbox_ask(struct mailbox *b, struct stats_question *q)
{
	assert(q->n == 0 || (q->spi_in && q->out));
	pthread_mutex_lock(&b->lock);
	while (b->waiting.question && !b->closed) /* Another one's. */
		pthread_cond_wait(&b->answer, &b->lock);
	if (!b->closed) {
		b->waiting.question = q;
		mailbox_wake(b);
	}
	while (!q->answered && !b->closed)
		pthread_cond_wait(&b->answer, &b->lock);
	pthread_mutex_unlock(&b->lock);
}

void mailbox_take(struct mailbox *b, struct mail *m)
{
	uint64_t ignored;
	struct mail empty = {.updates = m->updates, .room = m->room};

	assert(m->n_updates == 0 && !m->injected); /* What it brought was looked at. */
	if (read(b->wake, &ignored, sizeof(ignored)) < 0 && errno != EAGAIN)
		return;
	pthread_mutex_lock(&b->lock);
	*m = b->waiting;
	b->waiting = empty;
	b->injected_end = &b->waiting.injected;
	b->n_injected = 0;
	assert(m->n_updates <= m->room);
	pthread_mutex_unlock(&b->lock);
}

void mailbox_answer(struct mailbox *b, struct stats_question *q)
{
	assert(!q->answered);
	pthread_mutex_lock(&b->lock);
	q->answered = true;
	pthread_cond_broadcast(&b->answer);
	pthread_mutex_unlock(&b->lock);
}

void mailbox_close(struct mailbox *b)
{
	pthread_mutex_lock(&b->lock);
	b->closed = true;
	b->waiting.question = NULL;
	pthread_cond_broadcast(&b->answer);
	pthread_mutex_unlock(&b->lock);
}
