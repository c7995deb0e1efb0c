/* SPDX-License-Identifier: Apache-2.0 */
/* The whole of baton in one process: cores, failure detectors and models of the packet workers on
 * the hosts, strict clients outside, an echoing server inside, an attacker who records, repeats and
 * forges, an operator, and checkers for the invariants of DESIGN section 10. */
#ifndef TEST_SIM_FULL_H
#define TEST_SIM_FULL_H

#include "cluster/core/core.h"
#include "cluster/link/detector.h"
#include "proto/ike/initiator.h"
#include "test/sim/checkers.h"
#include "test/sim/fault.h"

#define CLIENTS_MAX 400u
#define REPLAY_RING 256u

/* Inner packets: IPv4, next header 253 (RFC 3692), 32 octets; after the header: */
#define INNER_LEN 32u
#define INNER_CLIENT 20u /* Which client, 2 octets. */
#define INNER_EVIL 22u   /* Its source is not the client's own. */
#define INNER_NUMBER 24u /* Number of the question, 4 octets. */

enum datagram_kind { DATAGRAM_IKE, DATAGRAM_ESP, DATAGRAM_INNER };
#define DATAGRAM_HOSTILE 0x100u /* Beside a kind: made without keys. */

struct full;
struct client;
struct sweep;
struct radius_servers;
struct accounts;

/* What a seed stands for; drawn first of all (plan.c). */
struct plan {
	unsigned hosts, clients;
	enum service_mode mode;
	uint64_t fault_time_us, fault_mean_us;
	unsigned pace;             /* Clients are slower by this factor. */
	unsigned attack_per_mille; /* Share of chances that the attacker takes. */
	uint32_t half_open_max, cookie_above;
	const char *ike, *esp;     /* Proposals. */
	uint32_t dpd_ms;
	bool all_back;             /* At the end all disks are put back (I1). */
	bool exact;                /* replay = "exact" */
	unsigned pool_bits;        /* Length of the prefix of inner addresses. */
	uint32_t isolation_ms;
	unsigned leave_per_mille;  /* Share of chances to leave that a client takes. */
	bool stops;                /* Owners are stopped for some milliseconds (stop.c). */
	bool reauth;               /* Clients re-authenticate, make before break (client_reauth.c). */
	bool rounds;               /* IKE_AUTH has three rounds (test/lib/toy_auth.h). */
	bool eap;                  /* IKE_AUTH is "eap-mschapv2". */
	bool radius;               /* ... or, with eap, "eap-radius" (radius.c). */
	bool networks;             /* Two are behind the gateway, by a Child SA each (client_networks.c). */
	bool fragments;            /* IKE messages come in fragments, of 224 octets at most. */
	enum { CERTIFICATES_NONE, CERTIFICATES_BOTH, CERTIFICATES_MIXED } certificates;
	bool orders;               /* The operator ends sessions, revokes and allows. */
	struct lifetime child_life, ike_life; /* The gateway rekeys; 0: never. */
};
void plan_draw(struct plan *p, struct random *r);
void plan_lifetimes(struct plan *p, uint64_t seed);

/* What the operator has ordered for a client (orders.c). */
struct order {
	uint64_t from;     /* He waits for the answer to this one; 0: to none. */
	uint64_t asked_us;
	enum control_verb verb;
	bool touched;      /* He has ended a session of it. */
	bool revoked;      /* The answer said that it is, and no other order came since ... */
	uint64_t since_us; /* ... at this time. */
	bool maybe;        /* It may be. */
	bool lost;         /* An order that he once gave may still commit. */
};

/* What was done and checked, over all runs of a process. */
struct totals {
	uint64_t seeds, virtual_us, events;
	uint64_t faults[FAULT_KINDS];
	uint64_t esp, exchanges, rounds, attacks, digests, longest_us;
	uint64_t dates, dates_refused;
	uint64_t questions, reports;
};

struct full {
	struct world world;
	struct plan plan;
	struct cluster_config config; /* self is set in each node's copy. */
	struct ike_connection connection;
	struct certificates *certificates;
	struct radius_servers *radius; /* NULL: there are none. */
	struct accounts *accounts;     /* With them. */
	uint64_t radius_reports;
	struct ike_peer_secret secret[CLIENTS_MAX];
	struct ike_user user[CLIENTS_MAX]; /* With EAP: the same, and ... */
	struct ike_peer_secret own;        /* ... what the gateway shows. */
	uint64_t raft_id[HOSTS_MAX];
	int holder;                   /* The host that has the service address; -1 = none. */
	int stale;                    /* The one before: neighbours may not have noticed. */
	uint64_t stale_until_us;
	uint32_t healthy;             /* Mode lb: the hosts that the balancer finds healthy. */
	struct client *client;
	unsigned n_clients;
	uint8_t moves[CLIENTS_MAX];   /* How often each has changed its address. */
	struct faults faults;
	struct random stop_random, preempt_random;
	struct {
		struct unfit_host {
			bool unfit, outer_cut, inner_cut;
			uint64_t serial;
		} of[HOSTS_MAX];
		uint64_t last; /* Serial. */
		struct random random;
	} unfit;
	struct {
		uint64_t term, first; /* The newest term seen with a leader; its log then. */
	} led;
	/* The operator's: */
	uint64_t wiped_us;            /* When a disk was last lost. */
	struct disk_copy copy[HOSTS_MAX];
	bool put_back[HOSTS_MAX];     /* It runs on an old copy: it must be refused. */
	bool accept_old[HOSTS_MAX];   /* Its next start: --accept-old-store. */
	bool starts_old[HOSTS_MAX];   /* Its store was too old for a cold start. */
	enum status refused[HOSTS_MAX]; /* Why its last start failed. */
	struct {
		struct order of[CLIENTS_MAX];
		struct random random;
		uint64_t last;        /* The last request's number. */
	} orders;
	struct {
		struct random random;
	} reauth, fragments, networks;
	struct {
		bool two, stays;      /* Programs of two levels; the last host stays as it is. */
		uint8_t level[HOSTS_MAX];
		struct random random;
	} upgrade;
	struct {
		struct cluster_policy *newest, *of[HOSTS_MAX]; /* NULL: the first one. */
		uint64_t n;
		struct random random;
	} policies;
	struct {
		struct {
			bool wrong;
			uint64_t serial;
		} of[HOSTS_MAX];
		uint64_t last; /* Serial. */
		struct random random;
	} clocks;
	bool calm;                    /* Faults are over: nothing new is started. */
	struct {
		struct blob *data;
		unsigned client;
		uint8_t moves;
		enum datagram_kind kind;
	} ring[REPLAY_RING];
	unsigned ring_next;
	struct sweep *sweep;          /* NULL: what goes wrong is drawn. */
	struct checkers checkers;
};

/* Makes a world whose nodes have just been started; sweep: NULL, or what is swept. */
struct full *full_new(uint64_t seed, bool verbose, const char *command, struct sweep *sweep);
/* Faults are over: waits until all clients are served, then runs the final checks. */
void full_calm(struct full *f);
void full_free(struct full *f);
void full_add_up(const struct full *f, struct totals *t);
/* Runs one seed; ends the program if an invariant breaks. Returns the trace's hash. */
uint64_t full_run(uint64_t seed, bool verbose, const char *command, struct totals *totals);
/* A new policy: every client may come, by the connection of the plan. Its hash is for the caller. */
struct cluster_policy *full_policy(struct full *f);
/* Every node runs, is ready, has its vote and nearly all that the others have. */
bool full_is_whole(struct full *f);
/* led.c: the term of a leader that commits at once what this node proposes, which runs;
 * 0: there is none. */
uint64_t full_led_term(struct full *f, unsigned host);

void full_entropy(struct full *f, struct entropy *e); /* For the next packet. */

/* ---- outside.c: between clients, nodes and the server ---- */
void outside_begin(struct full *f);
struct endpoint outside_service(void);
struct endpoint outside_client(unsigned client, uint8_t moves);
/* The source of its datagrams of that kind: port 0 if it sends raw ESP. */
struct endpoint outside_source(const struct full *f, unsigned client, uint8_t moves,
			       enum datagram_kind kind);
/* Sends a client's datagram to the service address; adopts data. */
void outside_to_gateway(struct full *f, unsigned client, enum datagram_kind kind,
			struct blob *data);
/* Sends a node's datagram to wherever remote is; adopts data. */
void outside_to_client(struct full *f, const struct endpoint *remote, enum datagram_kind kind,
		       struct blob *data);
/* A node let in an inner packet: the server echoes it. Borrows data. */
void outside_to_server(struct full *f, const uint8_t *data, size_t len);
/* Hands a datagram to the host that has the service address; hostile: see i8_attack.c. */
void outside_arrive(struct full *f, const struct endpoint *remote, enum datagram_kind kind,
		    struct blob *data, bool hostile);

/* ---- attack.c: an attacker on the path, without keys ---- */
void attack_begin(struct full *f);

void attack_repeat_all(struct full *f); /* Every ESP packet that he remembers, at once. */

/* ---- stop.c: owners that are stopped and go on ---- */
void stop_begin(struct full *f);

/* ---- preempt.c: workers that stand still while their nodes go on ---- */
/* Chosen as UNFIT_SALT. */
#define PREEMPT_SALT UINT64_C(0x666c0000014281cc)
void preempt_begin(struct full *f);
void preempted(struct full *f, unsigned host, uint64_t for_us); /* Its worker stands still now. */

/* ---- Salts for separate sources of random numbers, so that seeds remembered for something else
 * (seeds, mutants.txt) stay. ---- */
#define EAP_SALT UINT64_C(0x656170000bac)
#define CERTIFICATES_SALT UINT64_C(0x6365f988)
#define LIFETIMES_SALT UINT64_C(0x6c696665746f50)
#define CLOCKS_SALT UINT64_C(0x636c6f636b73)

/* As UNFIT_SALT. */
#define NETWORKS_SALT UINT64_C(0x6e6574776f4d977)

/* ---- unfit.c: hosts that do not let their nodes serve ---- */
/* Chosen so that no seed remembered for something else (seeds, mutants.txt) has such a host. */
#define UNFIT_SALT UINT64_C(0xdd0466697400)
void unfit_begin(struct full *f);
void unfit_calm(struct full *f); /* Faults are over, except at one host, perhaps ... */
void unfit_over(struct full *f); /* ... which serves again now. */
bool unfit_outer_cut(const struct full *f, unsigned host);
bool unfit_inner_cut(const struct full *f, unsigned host);

/* ---- policies.c: `baton reload`, at one node after another ---- */
void policies_begin(struct full *f);
struct cluster_policy *policies_start(const struct full *f, unsigned host); /* Policy of the process that starts. */
void policies_calm(struct full *f);
void policies_end(struct full *f);
void policies_fini(struct full *f);

/* ---- upgrade.c: programs of two levels ---- */
#define UPGRADE_SALT UINT64_C(0x757067726164)
void upgrade_begin(struct full *f);
uint8_t upgrade_start(struct full *f, unsigned host); /* What the process that starts can read. */
void upgrade_wiped(struct full *f, unsigned host); /* Its host was reinstalled. */
void upgrade_calm(struct full *f);
void upgrade_end(struct full *f); /* Waits until the level is what the oldest program can read. */

/* ---- operator.c ---- */
void operator_begin(struct full *f);
/* A node has ended itself; its process is gone already. */
void operator_ended(struct full *f, unsigned host, int status, const char *text);
/* Faults are over: clears what still stands in the way. */
void operator_calm(struct full *f);
/* All disks are put back to what they held when calm began. */
void operator_puts_all_back(struct full *f);
void operator_fini(struct full *f);

/* ---- orders.c ---- */
void orders_begin(struct full *f);
void orders_calm(struct full *f);
void operator_answered(struct full *f, const struct action *a); /* An ACTION_CONTROL. */
bool word_is_out(const struct full *f, unsigned client);  /* May it be revoked? */
/* Does the client not know yet that the session it believes to have is ended? */
bool word_has_ended(const struct full *f, unsigned client);
bool word_has_ended_sa(const struct full *f, unsigned client, uint64_t spi_i, uint64_t spi_r);

/* ---- Nodes ---- */
extern const struct program node_program;
const struct core *node_core(const struct host *h); /* NULL: it does not run. */
void node_shut_down(struct host *h); /* SIGTERM; it is started again later. */
void node_control(struct host *h, const struct control_request *r); /* An operator asks. */
void node_tell_fitness(struct host *h, uint64_t delay_us); /* As it is now. */
void node_preempt(struct host *h, uint64_t for_us); /* Its worker, once it has let something in. */
void node_lean(struct host *h, bool leader_holds); /* Which node shall lead. */
/* Do its workers have exactly what its applied state gives them? NULL = yes. */
const char *node_differs(const struct host *h);

/* ---- Clients ---- */
void clients_init(struct full *f, unsigned n);
void clients_fini(struct full *f);
void client_receive(struct full *f, unsigned client, enum datagram_kind kind, struct blob *data);
/* Has every client had an echo since calm began? NULL = yes. */
const char *clients_unhappy(struct full *f, char *text, size_t size);
void clients_calm(struct full *f);
bool client_is_behind_nat(const struct full *f, unsigned client); /* Else its ESP is raw. */
bool client_must_go_on(const struct full *f, unsigned client); /* True: it had a session then. */
/* Has the client's IKE SA had an answer to this request, or does it use another one? */
bool client_is_past(const struct full *f, unsigned client, uint64_t spi_i, uint32_t message_id);
/* Has it, on an IKE SA that it still has, the answer to this request? */
bool client_was_answered(const struct full *f, unsigned client, uint64_t spi_i, uint64_t spi_r,
			 uint32_t message_id);
struct ike_header;
/* The IKE_AUTH that it waits for an answer to; false: it waits for none. */
bool client_asks_to_enter(const struct full *f, unsigned client, struct ike_header *h);
/* What a client believes it has: an IKE SA with a Child SA. */
struct belief {
	unsigned client;
	uint64_t spi_i, spi_r;
	uint64_t before_i, before_r; /* The IKE SA that it replaces, if the gateway asked for that
				      * and may not have the answer; 0: none. */
	uint32_t spi_in; /* The gateway's SPI; 0: no Child SA. */
	bool settled;    /* Else the gateway may not know that the client made it. */
	bool ends;       /* The client has asked for its end, and has no answer yet. */
};
void clients_believe(struct full *f, void (*fn)(struct full *f, const struct belief *b));

#endif
