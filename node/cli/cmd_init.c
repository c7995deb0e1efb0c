/* SPDX-License-Identifier: Apache-2.0 */
/* baton init DIR [--nodes N]: a CA, a certificate for each node, a storage key and each node's
 * link secret, one client's PSK and a commented cluster.toml. It overwrites nothing. */
#include "node/cli/cmd.h"
#include "node/link/pki.h"

#include "cluster/cluster_config.h"
#include "cluster/link/proof.h"

#include <openssl/mem.h>
#include <openssl/rand.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char head[] =
	"# baton: one file for all nodes of the cluster. `baton check --config cluster.toml`\n"
	"# reports every error in it. Paths are relative to this file's folder.\n\n"
	"[cluster]\n"
	"name = \"demo\"\n"
	"ca_file = \"secrets/ca.pem\"\n"
	"storage_key_file = \"secrets/storage.key\"   # seals the log and the snapshots\n"
	"# user = \"baton\"            # the user that a node becomes after it has read its secrets; unset: baton, if it exists\n"
	"# max_store_age_s = 1800    # a cold start from older data needs --accept-old-store\n"
	"# sessions_max = 100000     # clients\n"
	"# child_sas_max = 200000    # ... each takes one for each Child SA, and one more for rekeying\n"
	"# half_open_max = 10000     # IKE SAs between IKE_SA_INIT and IKE_AUTH\n"
	"# cookie_above = 500        # ... above this a client must return a cookie\n"
	"# auth_timeout_s = 120      # for all rounds of IKE_AUTH; the first must come within 30 s\n\n";

static const char host_name[] = /* For the first node only. */
	"# http_name = \"n1.example.net\"           # a host name that HTTP requests may "
	"use, besides its addresses\n";

static const char tail[] =
	"[service]\n"
	"mode = \"vip\"                             # the nodes hold the addresses and move them\n"
	"addresses = [\"10.79.0.100/24\"]           # what clients connect to\n"
	"inner_addresses = [\"10.20.0.1/24\"]       # what the protected network routes the pool to\n"
	"# fragmentation = true     # of IKE messages (RFC 7383), for clients that support it\n"
	"# fragment_size = 1260     # ... octets of the longest IP datagram; unset: 1260 for IPv4, 1280 for IPv6\n\n"
	"[datapath]\n"
	"mode = \"auto\"                            # auto | xdp | socket\n"
	"tun = \"baton0\"\n"
	"# mss_clamp = true       # TCP's segment size is made to fit the tunnel, where ICMP errors get lost\n\n"
	"[[connection]]\n"
	"name = \"road\"\n"
	"local_id = \"gw\"                          # IDr\n"
	"auth = \"psk\"\n"
	"# client_ids = [\"*.example.org\", \"O=Example, CN=*\"]   # which identities may come by this connection; unset: all\n"
	"# cert_file = \"secrets/gw.pem\"   # the gateway shows this certificate, and the CA certificates after it in the\n"
	"# key_file = \"secrets/gw.key\"    # file, instead of using a secret; both may be lists of the same length\n"
	"# auth = \"pubkey\"                # clients show one, too, issued by a CA of\n"
	"# client_ca_file = \"secrets/clients-ca.pem\"\n"
	"# crl_file = \"clients.crl\"               # outside of secrets/, so that the node can read it again; a CRL of each CA that issues\n"
	"local_ts = [\"10.20.0.0/16\"]              # what clients may reach\n"
	"pool = \"10.30.0.0/16\"                    # virtual IPs of the clients\n"
	"# dns = [\"10.20.0.53\"]\n"
	"# dns_domains = [\"example.org\"]          # the domains that these servers answer for; unset: all\n"
	"# unique_ids = \"no\"              # sessions of one identity: | \"never\" | \"replace\" | \"keep\", as in strongSwan\n"
	"# sessions_per_identity = 10     # unset: any number\n"
	"ike_proposals = [\"aes128gcm16-aes256gcm16-chacha20poly1305-prfsha256-prfsha384-x25519-ecp256-ecp384-modp2048\",\n"
	"                 \"aes256-aes128-sha256-sha384-x25519-ecp256-ecp384-modp2048\"]\n"
	"esp_proposals = [\"aes128gcm16-aes256gcm16-chacha20poly1305\", \"aes256-aes128-sha256-sha384-sha512\"]\n"
	"# The first one that the client also offers is used. These suit stock strongSwan, Android, iOS and macOS,\n"
	"# Libreswan, OpenIKED and pfSense. Windows needs NegotiateDH2048_AES256 in its registry, and for ESP knows only\n"
	"# \"aes256-sha1\", which is weak, until Set-VpnConnectionIPsecConfiguration sets GCMAES256. Unconfigured,\n"
	"# it also needs \"aes256-sha256-modp1024\" in ike_proposals, which is weaker: give such clients their own\n"
	"# [[connection]]. Names: aes128gcm16 aes256gcm16 chacha20poly1305; aes128 aes256 aes128ctr\n"
	"# aes256ctr with sha256 sha384 sha512 (sha1); prfsha256 prfsha384 prfsha512 (prfsha1); x25519 ecp256\n"
	"# ecp384 ecp521 modp2048 modp3072 modp4096 (modp1024); esn noesn. modp3072 and modp4096 cost the leader\n"
	"# milliseconds for each client.\n"
	"# dpd_delay_ms = 30000      # 0 = off\n"
	"# rekey_time_s = 14400      # the gateway replaces a Child SA at this age (or up to a tenth earlier); 0 = never\n"
	"# hard_time_s = 0           # ... and ends it at this age, replaced or not; 0 = never\n"
	"# rekey_bytes = 0           # ... or replaces it after so many octets in one direction (1000000 or more); 0 = never\n"
	"# hard_bytes = 0            # ... and ends it after so many; traffic of a second or two more may pass\n"
	"# rekey_packets = 0         # the same for packets (1000 or more)\n"
	"# hard_packets = 0\n"
	"# ike_rekey_time_s = 86400  # the same for IKE SAs\n"
	"# ike_hard_time_s = 0       # ... and their sessions\n"
	"# replay = \"marks\"          # | \"exact\": no packet is ever let in twice; costs a round trip "
	"between nodes\n\n"
	"[[secret]]\n"
	"id = \"cl\"                                # the client's identity\n"
	"psk_file = \"secrets/cl.psk\"              # or two, [\"secrets/new.psk\", \"secrets/cl.psk\"], while "
	"the key changes\n\n"
	"# [[user]]                                 # for a [[connection]] with auth = \"eap-mschapv2\"\n"
	"# name = \"alice\"\n"
	"# password_file = \"secrets/alice.pw\"       # one line of text\n\n"
	"# [[radius]]                               # up to four, for a [[connection]] with auth = \"eap-radius\"\n"
	"# address = \"10.20.0.9:1812\"               # asked from the first of inner_addresses, UDP port 11812\n"
	"# secret_file = \"secrets/radius\"\n"
	"# accounting = true                        # it is told of each session (RFC 2866), at accounting_port\n"
	"# accounting_port = 1813\n"
	"# coa = \"0.0.0.0:3799\"                     # it may end sessions, or limit their time (RFC 5176); one socket for all servers\n"
	"# interim_s = 600                          # ... and each 10 minutes, unless Access-Accept says how often; 0 = never\n\n"
	"# [[client]]                               # a fixed address for a client without a [[secret]] or [[user]];\n"
	"# id = \"b@example.org\"                     # those have their own \"address\" key\n"
	"# address = \"10.30.0.9\"\n"
	"\n"
	"# [timing]                  # failure detection: heartbeat_ms x heartbeats_missed\n"
	"# heartbeat_ms = 10\n"
	"# heartbeats_missed = 3\n"
	"# detection_max_ms = 200    # upper limit while heartbeats come late\n";

#define KEY_OCTETS_MAX 64u

static bool failed(const char *path)
{
	fprintf(stderr, "baton init: %s: %s%s\n", path, strerror(errno),
		errno == EEXIST ? "; remove it, or choose another folder" : "");
	return false;
}

static bool write_hex(const char *path, const uint8_t *raw, size_t octets)
{
	char hex[2 * KEY_OCTETS_MAX + 2];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool ok;

	if (fd < 0)
		return failed(path);
	for (size_t i = 0; i < octets; i++)
		snprintf(hex + 2 * i, 3, "%02x", raw[i]);
	hex[2 * octets] = '\n';
	ok = write(fd, hex, 2 * octets + 1) == (ssize_t)(2 * octets + 1) && fsync(fd) == 0;
	close(fd);
	OPENSSL_cleanse(hex, sizeof(hex));
	return ok || failed(path);
}

static bool write_random(const char *path, size_t octets)
{
	uint8_t raw[KEY_OCTETS_MAX];
	bool ok;

	RAND_bytes(raw, octets);
	ok = write_hex(path, raw, octets);
	OPENSSL_cleanse(raw, sizeof(raw));
	return ok;
}

/* The storage key, and each node's link secret, derived from it (cluster/link/proof.h). */
static bool write_storage_key(const char *dir, unsigned nodes)
{
	uint8_t key[STORAGE_KEY_LEN], secret[PROOF_SECRET_LEN];
	char path[4096], name[16];
	bool ok;

	RAND_bytes(key, sizeof(key));
	snprintf(path, sizeof(path), "%s/secrets/storage.key", dir);
	ok = write_hex(path, key, sizeof(key));
	for (unsigned i = 1; ok && i <= nodes; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		snprintf(path, sizeof(path), "%s/secrets/%s.link", dir, name);
		proof_secret_derive(key, name, secret);
		ok = write_hex(path, secret, sizeof(secret));
	}
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(secret, sizeof(secret));
	return ok;
}

static bool write_node(const char *dir, const char *name, X509 *ca, EVP_PKEY *ca_key)
{
	char key_path[4096], cert_path[4096];
	EVP_PKEY *key = pki_key();
	X509 *x = key ? pki_certificate(key, name, ca, ca_key) : NULL;
	bool ok = x != NULL;

	snprintf(key_path, sizeof(key_path), "%s/secrets/%s.key", dir, name);
	snprintf(cert_path, sizeof(cert_path), "%s/secrets/%s.pem", dir, name);
	ok = ok && (pki_write_key(key_path, key) || failed(key_path)) &&
	     (pki_write_certificate(cert_path, x) || failed(cert_path));
	X509_free(x);
	EVP_PKEY_free(key);
	return ok;
}

static bool write_pki(const char *dir, unsigned nodes)
{
	char key_path[4096], cert_path[4096], name[16];
	EVP_PKEY *key = pki_key();
	X509 *ca = key ? pki_certificate(key, "baton cluster CA", NULL, NULL) : NULL;
	bool ok = ca != NULL;

	snprintf(key_path, sizeof(key_path), "%s/secrets/ca.key", dir);
	snprintf(cert_path, sizeof(cert_path), "%s/secrets/ca.pem", dir);
	ok = ok && (pki_write_key(key_path, key) || failed(key_path)) &&
	     (pki_write_certificate(cert_path, ca) || failed(cert_path));
	for (unsigned i = 1; ok && i <= nodes; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		ok = write_node(dir, name, ca, key);
	}
	X509_free(ca);
	EVP_PKEY_free(key);
	return ok;
}

static bool write_config(const char *dir, unsigned nodes)
{
	char path[4096];
	int fd;
	FILE *f;

	snprintf(path, sizeof(path), "%s/cluster.toml", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f)
		return failed(path);
	fputs(head, f);
	for (unsigned i = 1; i <= nodes; i++)
		fprintf(f,
			"[[node]]\n"
			"name = \"n%u\"\n"
			"link = \"10.77.0.%u:7500\"                 # node links, mutual TLS\n"
			"cert_file = \"secrets/n%u.pem\"\n"
			"key_file = \"secrets/n%u.key\"\n"
			"link_secret_file = \"secrets/n%u.link\"    # derived from the storage key; optional\n"
			"data_dir = \"/var/lib/baton/n%u\"\n"
			"outer_interface = \"wan\"                  # where clients come in\n"
			"inner_interface = \"lan\"                  # towards the protected network\n"
			"http = \"127.0.0.1:9505\"                  # status; \"\" turns it off\n"
			"control = \"/run/baton/n%u.sock\"         # baton end, revoke, reload ...; \"\" turns "
			"it off\n%s\n",
			i, 10 + i, i, i, i, i, i, i == 1 ? host_name : "");
	fputs(tail, f);
	return fclose(f) == 0 || failed(path);
}

/* "eth0, eth1": what stands for "wan" and "lan" is one of these. */
static void interfaces(char *text, size_t room)
{
	struct if_nameindex *all = if_nameindex();
	size_t at = 0;

	text[0] = '\0';
	for (struct if_nameindex *i = all; i && i->if_name && at < room; i++)
		if (strcmp(i->if_name, "lo") != 0)
			at += (size_t)snprintf(text + at, room - at, "%s%s", at ? ", " : "", i->if_name);
	if_freenameindex(all);
}

/* Commands that can be pasted as they are: nothing may be installed yet. */
static void say_next(const char *dir, long nodes)
{
	char self[4096] = "baton", folder[4096], own[256];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0)
		self[n] = '\0';
	if (!realpath(dir, folder))
		snprintf(folder, sizeof(folder), "%s", dir);
	interfaces(own, sizeof(own));
	printf("%s/cluster.toml and %s/secrets are made for %ld node%s. Next steps:\n\n"
	       "1. Edit cluster.toml: link, outer_interface and inner_interface of each node\n"
	       "   (this machine has: %s), addresses, inner_addresses, local_ts, pool.\n"
	       "2. Copy the folder to each node without the other nodes' secrets/nN.*, and without\n"
	       "   secrets/ca.key, which no node needs: keep it offline.\n"
	       "3. On n1, as root (and on each other node, with its own name):\n\n"
	       "     %s check --config %s/cluster.toml --node n1\n"
	       "     %s run --config %s/cluster.toml --node n1\n",
	       folder, folder, nodes, nodes > 1 ? "s" : "", own[0] ? own : "none", self, folder, self, folder);
}

static int usage(FILE *out, int status)
{
	fputs("usage: baton init DIR [--nodes 1|3|5|7]\n"
	      "  makes DIR/cluster.toml, to be edited, and keys and certificates in DIR/secrets\n",
	      out);
	return status;
}

int cmd_init(int argc, char **argv)
{
	static const struct option options[] = { { "nodes", required_argument, NULL, 'n' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	char path[4096];
	const char *dir = NULL;
	long nodes = 3;
	int o;

	while ((o = getopt_long(argc, argv, "n:h", options, NULL)) != -1) {
		if (o == 'h')
			return usage(stdout, CMD_OK);
		nodes = o == 'n' ? strtol(optarg, NULL, 10) : -1;
	}
	if (optind == argc - 1)
		dir = argv[optind];
	if (!dir || nodes < 1 || nodes > (long)CLUSTER_NODES_MAX || (nodes > 1 && nodes % 2 == 0))
		return usage(stderr, CMD_USAGE);
	if (mkdir(dir, 0755) != 0 && errno != EEXIST) {
		failed(dir);
		return CMD_FAILED;
	}
	snprintf(path, sizeof(path), "%s/cluster.toml", dir);
	if (access(path, F_OK) == 0) {
		errno = EEXIST;
		failed(path);
		return CMD_FAILED;
	}
	snprintf(path, sizeof(path), "%s/secrets", dir);
	if (mkdir(path, 0700) != 0) {
		failed(path);
		return CMD_FAILED;
	}
	if (!write_pki(dir, (unsigned)nodes))
		return CMD_FAILED;
	if (!write_storage_key(dir, (unsigned)nodes))
		return CMD_FAILED;
	snprintf(path, sizeof(path), "%s/secrets/cl.psk", dir);
	if (!write_random(path, 16) || !write_config(dir, (unsigned)nodes))
		return CMD_FAILED;
	say_next(dir, nodes);
	return CMD_OK;
}
