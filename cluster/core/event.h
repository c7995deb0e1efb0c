/* SPDX-License-Identifier: Apache-2.0 */
/* What can happen to a node. The edge turns sockets, timers, completions and
 * reports into these; cluster_step() turns them into actions. Pointers are
 * borrowed for the call. */
#ifndef CLUSTER_CORE_EVENT_H
#define CLUSTER_CORE_EVENT_H

#include "cluster/cluster_policy.h"
#include "cluster/core/auth_question.h"
#include "cluster/core/control.h"
#include "proto/wire/prefix_list.h"
#include "proto/crypto/dh_desk.h"
#include "proto/crypto/entropy.h"
#include "proto/esp/sad.h"

enum event_type {
	EVENT_TICK,       /* core_deadline_us() has passed. */
	EVENT_DATAGRAM,   /* An IKE datagram came to one of our addresses. */
	EVENT_FRAME,      /* A frame came over the verified link of a node. */
	EVENT_LINK,       /* A link came up or went down. */
	EVENT_SUSPECT,    /* The failure detector changed its verdict on a node. */
	EVENT_ISOLATION,  /* Contact with a quorum was lost for longer than `isolation`, or is back. */
	EVENT_STORED,     /* A store_update is durable. */
	EVENT_IDENTITY_STORED, /* An ACTION_STORE_IDENTITY is durable. */
	EVENT_SA_REPORTS, /* From the packet workers. */
	EVENT_SHUTDOWN,   /* SIGTERM: hand over, then ACTION_EXIT. */
	EVENT_FITNESS,    /* The host can no longer serve clients, or can again. */
	EVENT_CONTROL,    /* An operator asks for something; answered by one ACTION_CONTROL. */
	EVENT_CLOCK,       /* What the wall clock says, about twice a second. */
	EVENT_DH,          /* The answer to an ACTION_DH: one for each. */
	EVENT_AUTH_ANSWER, /* The answer to an ACTION_AUTH_ASK, at the node that asked; may come
	                    * late, twice or never. */
	EVENT_ROUTES,      /* The routes that exist after an ACTION_ROUTES; comes once for each. */
	EVENT_POLICY      /* A new policy is in force from now on. */
};

struct event {
	enum event_type type;
	uint64_t now_us;                /* Monotonic; never goes back. */
	uint8_t seed[ENTROPY_SEED_LEN]; /* Fresh from the system for every event. */
	bool more;                      /* Another event follows at once: see cluster_step(). */
	union {
		struct {
			struct endpoint local, remote;
			const uint8_t *data; /* Without non-ESP marker. */
			size_t len;
		} datagram;
		struct {
			uint32_t node; /* Index in cluster_config.node: the certificate's name. */
			const uint8_t *data;
			size_t len;
		} frame;
		struct {
			uint32_t node;
			bool up;
		} link;
		struct {
			uint32_t node;
			bool suspect;
			uint64_t silent_us; /* How long nothing was heard. */
		} suspect;
		struct {
			bool isolated;
		} isolation;
		struct {
			bool fit;
		} fitness;
		struct {
			uint64_t seq;
		} stored;
		struct {
			int64_t unix_s; /* Seconds since 1970. */
		} clock;
		struct {
			uint64_t id;
			const struct dh_result *result;
		} dh;
		struct {
			struct auth_question question;
			const uint8_t *data;
			size_t len;
		} auth_answer;
		struct {
			const struct sa_report *reports;
			size_t n;
		} sa_reports;
		const struct control_request *control;
		const struct prefix_list *routes;
		struct cluster_policy *policy; /* The core takes a reference. */
	};
};

#endif
