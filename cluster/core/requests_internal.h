/* SPDX-License-Identifier: Apache-2.0 */
/* Between requests.c, requests_repeat.c and requests_child.c. */
#ifndef CLUSTER_CORE_REQUESTS_INTERNAL_H
#define CLUSTER_CORE_REQUESTS_INTERNAL_H

#include "cluster/core/rooms.h"
#include "proto/ike/ike.h"

/* One request that is outstanding. */
struct open_request {
	struct ike_datagrams *request; /* NULL: there is none. */
	uint32_t purpose;
	struct endpoint there; /* Where the client was when it was last sent, or put off. */
	uint64_t next_us;  /* Repeat; NEVER = given up until the client shows itself. */
	uint64_t elsewhere_us; /* When it last went to where the client seemed to be; 0: never. */
	uint64_t since_us; /* When it was asked; its silence counts from then. */
	uint32_t tries;
};

/* The leader's memory of a session's outstanding requests, and of what it is to ask next. */
struct task {
	uint64_t session;
	struct open_request question; /* See requests_asking(). */
	struct open_request closing;  /* Our DELETE of an IKE SA that we have replaced: it has a window
				   * of its own, and holds up nothing. */
	uint64_t alive_us;     /* Last authenticated sign of life. */
	uint64_t marks;        /* Sum of its marks then. */
	bool probing;          /* A notice that replaces dead peer detection: silence counts. */
	uint32_t ended;        /* spi_in of a Child SA that has no numbers left, to be deleted; or 0. */
	uint64_t ike_rekey_us; /* Before this time its IKE SA is not rekeyed (again). */
	uint32_t ike_rekey_tries;
	uint64_t replaced_us;   /* Before this time it is not ended (again) for a newer session. */
	uint64_t newer;         /* The newer session of its identity that was looked at last; 0: none. */
	uint64_t ike_expire_us; /* Before this time it is not ended (again) at its hard lifetime. */
	uint64_t notice_us;    /* No other notice before. */
	bool greeted;          /* Its cached response was resent in this epoch. */
	int64_t greeted_epoch;
	uint64_t rests_until_s; /* 0: it is awake. tasks.c's, as all that follows. */
	struct task *prev, *next;
	UT_hash_handle hh;
};

/* The IKE SA with a request of ours outstanding that others wait for, or NULL. It stays where it
 * was asked when the client rekeys meanwhile: RFC 7296 2.18 keeps windows apart. Others wait for
 * it until the client uses the new IKE SA: it may have deleted the old one, and its DELETE be lost. */
const struct ike_sa *requests_asking(const struct session *s);

/* Makes one if there is none. Something has happened to it, or will: it has its turn within a second. */
struct task *task_get(struct core *c, uint64_t session);
/* The request goes into the log, to be sent once it is committed. False: the session has
 * one outstanding, or a command on its way; or it is a rekey that is too long, and is put off. */
bool requests_make(struct core *c, const struct session *s, const struct ike_request *r);

void requests_send(struct core *c, const struct session *s, const struct ike_datagrams *message);
/* ---- requests_repeat.c ---- */

/* Sends what has become outstanding in the applied state. Returns the purpose of the request that
 * was answered, or NONE. */
enum ike_purpose requests_follow(struct core *c, const struct session *s, struct task *e);
/* Repeats what is due. False: nothing is. */
bool requests_repeat_turn(struct core *c, const struct session *s, struct task *e);
/* Window 1: while a notice is unanswered there can be no other request. So the notice is sent once
 * more, and this time it does the work of DPD. */
void requests_probe(struct core *c, struct task *e);

/* What the session's Child SAs need, at its turn (requests_child.c). False: nothing. */
bool requests_ike_turn(struct core *c, const struct session *s, struct task *e); /* requests_ike.c */
/* The IKE SA that the client has replaced, if it does not delete it (requests_old_ike.c). */
bool requests_old_ike_turn(struct core *c, const struct session *s);
/* Nobody answers there: it is gone, so the next question is asked on the new one. */
void requests_old_ike_end(struct core *c, const struct session *s);
bool requests_expire_turn(struct core *c, const struct session *s); /* Whatever is outstanding. */
bool requests_child_turn(struct core *c, const struct session *s, struct task *e);
bool requests_child_waits(const struct core *c, const struct session *s); /* Another room asked to rekey one. */
void requests_child_later(struct core *c, uint32_t spi_in, uint64_t again_us); /* It is not rekeyed before. */
uint32_t requests_ike_seed(const struct ike_sa *sa); /* For lifetime.h. */

/* Until when its turn will find nothing, if nothing happens to it; 0: nobody knows (requests_rest.c). */
uint64_t requests_rest_until(const struct core *c, const struct session *s, const struct task *e);

#endif
