/* SPDX-License-Identifier: Apache-2.0 */
/* One cluster.toml, read and checked (DESIGN section 11): the part that all nodes share as struct
 * cluster_config, and what the process itself needs. The parser collects every error it finds, so
 * that one run of `baton check` reports them all. Paths are made absolute: relative ones start at
 * the file's folder. */
#ifndef NODE_CONFIG_CONFIG_H
#define NODE_CONFIG_CONFIG_H

#include "cluster/cluster_config.h"
#include "proto/auth/trust.h"
#include "proto/wire/prefix_list.h"

#include <net/if.h>
#include <sys/stat.h>

#define CONFIG_ADDRESSES_MAX 8u /* For each kind; as many as cluster_config.service has. */
#define CONFIG_POOLS_MAX 16u
#define CONFIG_PATH_MAX 4096u
#define CONFIG_USER_MAX 64u
#define CONFIG_WHY_LEN (CONFIG_PATH_MAX + 256u)

enum config_datapath { CONFIG_DATAPATH_AUTO, CONFIG_DATAPATH_XDP, CONFIG_DATAPATH_SOCKET };
enum config_log_level { CONFIG_LOG_ERROR, CONFIG_LOG_WARNING, CONFIG_LOG_INFO, CONFIG_LOG_DEBUG };

struct node_entry { /* One [[node]]; its name is cluster.node[] at the same index. */
	struct endpoint link; /* Node links: where it listens, and where others connect to. */
	int link_line, outer_line, inner_line; /* Lines of the keys in the file, for messages. */
	char cert_file[CONFIG_PATH_MAX];
	char key_file[CONFIG_PATH_MAX];
	int cert_line, key_line; /* As link_line. */
	char link_secret_file[CONFIG_PATH_MAX]; /* "" = derived from the storage key. */
	char data_dir[CONFIG_PATH_MAX];
	char outer_interface[IF_NAMESIZE];
	char inner_interface[IF_NAMESIZE];
	char http[64];        /* "127.0.0.1:9505"; "" = off. */
	char control[108];    /* Path of its control socket (sun_path); "" = off. */
	bool control_named;   /* ... in the file: it must be to be had. */
	char http_name[256];  /* A Host that HTTP clients may send besides addresses; "" = none. */
};

struct crl_file { /* "crl_file" of a [[connection]], which is called so. */
	char connection[64];
	char path[CONFIG_PATH_MAX];
	struct stat seen; /* As it was before it was read. */
};

struct connection_files { /* The certificate files of one [[connection]]: certificates.c. "" or n = 0: none. */
	char name[64]; /* The connection's. */
	char cert[CREDENTIALS_MAX][CONFIG_PATH_MAX], key[CREDENTIALS_MAX][CONFIG_PATH_MAX];
	size_t n_cert, n_key;
	char ca[CONFIG_PATH_MAX], crl[CONFIG_PATH_MAX];
	int cert_line, ca_line, crl_line; /* As link_line. */
};

struct node_test_hooks { /* [test]; all zero unless set. Not for use in production. */
	bool no_datapath;         /* Control plane only: no TUN, no sockets for packets. */
	uint32_t store_delay_ms;  /* Each transaction of the store takes so much longer. */
	bool heartbeats_off;      /* The detector sends no heartbeats: the others believe us dead. */
	uint64_t store_map_bytes; /* Size of the LMDB map; 0 = default (node/store/store_lmdb.h). */
	char die_file[CONFIG_PATH_MAX]; /* Says at which point to die: node/process/die.c. "" = off. */
};

/* A key that a node starts with and cannot change while it runs. */
#define CONFIG_FACT_LEN 120u
struct config_fact {
	char name[CONFIG_FACT_LEN]; /* "\"link\" of [[node]] \"n2\"" */
	int line;
	uint64_t hash;              /* Of its value. */
};

struct node_config {
	struct cluster_config cluster; /* With .self; facts and policy apart: config_facts.c */
	char file[CONFIG_PATH_MAX];    /* The configuration file itself, for messages. */
	char ca_file[CONFIG_PATH_MAX];
	int ca_line;
	char storage_key_file[CONFIG_PATH_MAX];
	int credential_line;           /* Of a credential of systemd's that is not to be had here; 0: all are. */
	char user[CONFIG_USER_MAX];    /* [cluster] user: the user that the process becomes; "" = default. */
	struct node_entry node[CLUSTER_NODES_MAX];
	struct connection_files *files; /* One for each connection of the file; the policy itself may change. */
	size_t n_files;
	struct crl_file *crl; /* Number of those that have one. */
	size_t n_crls;

	/* [service]: with prefix length; cluster.service[] has the addresses alone. */
	struct prefix outer[CONFIG_ADDRESSES_MAX];
	size_t n_outer;
	struct prefix inner[CONFIG_ADDRESSES_MAX];
	size_t n_inner;
	/* Pools of all connections, at most CONFIG_POOLS_MAX: whose routes are laid at the start. Later
	 * the core says (ACTION_ROUTES). */
	struct prefix_list pools;

	enum config_datapath datapath; /* [datapath] mode */
	char tun[IF_NAMESIZE];         /* "baton0" */
	uint16_t tun_mtu;              /* 0 = default */
	bool mss_clamp;                /* TCP segments of and to clients are made to fit the tunnel. */

	uint64_t max_store_age_ms;     /* [cluster] max_store_age_s: 30 min */
	bool accept_old_store;         /* --accept-old-store */
	enum config_log_level log_level;
	struct node_test_hooks test;

	struct config_fact *fact;      /* Sorted by name; cluster.hash is theirs. */
	size_t n_facts;
};

struct config_error {
	char *text; /* "cluster.toml:12: unknown key \"adress\"; did you mean \"address\"?" */
};

struct config_errors {
	struct config_error *list;
	size_t n;
	struct config_error *warning; /* Works, but is probably a mistake. */
	size_t n_warnings;
};

/* Reads path and all the secrets it names (storage key, PSKs, passwords). node_name: the
 * node to run as, sets cluster.self; NULL for tools that run as none (self is
 * then 0). *c is written whole. 0 = good; -1: errors says why, at least one
 * entry. A name that is no node of the file is an error like any other. Secrets
 * never appear in messages. In both cases call node_config_fini() and
 * config_errors_fini(). */
int node_config_load(struct node_config *c, const char *path, const char *node_name,
		     struct config_errors *errors) must_check;
void node_config_fini(struct node_config *c); /* Cleanses secrets, frees lists. */

/* What a file is read for: to say all that is wrong, to start with it, to put its policy in force. */
enum config_purpose { CONFIG_CHECK, CONFIG_RUN, CONFIG_RELOAD };

/* check_certificates.c: the CA's certificate and those of the nodes with their keys, as far as they
 * are here, and those of connections. node_name as above: what that one needs must be here. unix_now: which have
 * expired; that is an error to CONFIG_CHECK, to CONFIG_RUN if it would have no links, and else a warning.
 * A node also needs its credentials. 0 = good; -1: there are more errors now. */
int node_config_check_pki(const struct node_config *c, const char *node_name, int64_t unix_now,
			  enum config_purpose purpose, struct config_errors *errors) must_check;

/* certificates.c: `old` with the CRLs of a connection read anew, for the caller to put in its
 * place. NULL: *why says what is wrong, and `old` stays. */
struct trust *node_config_read_crls(const struct crl_file *f, const struct trust *old,
				    char why[CONFIG_WHY_LEN]) must_check;

/* check_host.c: what the file says about this machine, node c->cluster.self, and it lacks. Only
 * warnings: it may still come, and `baton run` waits. */
void node_config_check_host(const struct node_config *c, struct config_errors *errors);

/* The first of n facts, sorted by name, that differs from those in use, as a sentence with the
 * file's name; NULL: none does. The caller frees it. */
char *config_facts_differ(const struct node_config *runs, const struct config_fact *fact, size_t n);

/* One text of one [[node]] (NULL: the first), for tools that may read no secret and have none of
 * what else the file names; "" if it is not set. 0, or 1: it is not set. -1: errors says why. */
int node_config_text(const char *path, const char *node_name, const char *key,
		     char out[CONFIG_PATH_MAX], struct config_errors *errors) must_check;

/* The path of that node's control socket, likewise; "" = off. */
int node_config_control(const char *path, const char *node_name, char out[CONFIG_PATH_MAX],
			struct config_errors *errors) must_check;

/* Appends one formatted message. */
void config_errors_add(struct config_errors *e, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void config_errors_print(const struct config_errors *e); /* To stderr, one a line. */
void config_errors_fini(struct config_errors *e);

#endif
