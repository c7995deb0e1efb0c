/* SPDX-License-Identifier: Apache-2.0 */
/* `baton check` over files that are wrong in one place each: it names the place and the fix. Each
 * row replaces a piece of a good file, and gives the message that must follow. */
#include "test/unit/config_sample.h"

#define EAP "[[secret]]\nid = \"gw\"\npsk_file = \"cl.psk\"\n[[connection]]\nauth = \"eap-mschapv2\"\nname = \"b\"\n" \
	    "local_id = \"gw\"\nlocal_ts = [\"10.20.0.0/16\"]\nesp_proposals = [\"aes128gcm16\"]\n" \
	    "ike_proposals = [\"aes128gcm16-prfsha256-x25519\"]\n"
#define SERVER "[[radius]]\naddress = \"10.20.0.9:1812\"\nsecret_file = \"cl.psk\"\n"
#define ALICE "[[user]]\nname = \"alice\"\npassword_file = \"alice.pw\"\n"

static void the_good_file_is_good(void **unused)
{
	(void)unused;
	put("cluster.toml", good);
	expect_good(NULL);
	expect_good("n2");
	put_changed("local_ts = [\"10.20.0.0/16\"]", "local_ts = [\"0.0.0.0/0\"]"); /* Holds the pool as well. */
	expect_good(NULL);
	put_changed(NULL, "[[secret]]\nid = \"c2\"\npsk_file = \"cl.psk\"\n");
	expect_good(NULL);
	/* The same local_id and proposals, but one is for clients with a PSK, one for those with EAP. */
	put_changed(NULL, EAP ALICE);
	expect(0, NULL, 52, true, "anybody who knows it can pose as the gateway");
}

#define NODE2 "[[node]]\nname = \"n2\"\nlink = \"10.77.0.12:7500\"\ncert_file = \"n2.pem\"\nkey_file = \"n2.key\"\n" \
	      "data_dir = \"data/n2\"\nouter_interface = \"wan\"\ninner_interface = \"lan\"\nhttp = \"127.0.0.1:9505\"\n"
#define CONNECTION "auth = \"psk\"\nlocal_ts = [\"10.20.0.0/16\"]\nesp_proposals = [\"aes128gcm16\"]\n"

static const struct row {
	const char *from, *to;
	int line;
	bool warning;
	const char *text;
} rows[] = {
	/* Pools. */
	{"10.30.0.0/16", "10.79.0.0/24", 42, false, "a service address"},
	{"10.30.0.0/16", "10.79.0.96/28", 42, false, "a service address"},
	{"10.30.0.0/16", "10.79.0.0/28", 42, false, "a service address"}, /* Its network. */
	{"pool = \"10.30.0.0/16\"", "pool = \"10.77.0.12/30\"", 42, false, "link of n2"},
	{"inner_addresses = [\"10.20.0.1/24\"]\n[timing]\nheartbeat_ms = 10\n[[connection]]\nname = \"road\"\nlocal_id = \"gw\"\nauth = \"psk\"\nlocal_ts = [\"10.20.0.0/16\"]\npool = \"10.30.0.0/16\"",
	 "[[connection]]\nname = \"road\"\nlocal_id = \"gw\"\nauth = \"psk\"\nlocal_ts = [\"10.30.1.0/24\"]\npool = \"10.30.0.0/16\"", 39, false, "contains \"local_ts\""},
	{"10.30.0.0/16", "10.20.9.0/24", 42, false, NULL}, /* In local_ts, beside the LAN: good. */
	{"10.30.0.0/16", "10.30.0.5/16", 42, false, "write \"10.30.0.0/16\""},
	{"10.30.0.0/16", "127.0.0.0/16", 42, false, "no host addresses"},
	{NULL, "[[connection]]\nname = \"b\"\nlocal_id = \"b\"\npool = \"10.30.1.0/24\"\n"
	       "ike_proposals = [\"aes128gcm16-prfsha256-x25519\"]\n" CONNECTION, 51, false, "overlaps 10.30.0.0/16"},
	{"local_ts = [\"10.20.0.0/16\"]", "local_ts = [\"10.20.0.1/16\"]", 41, false, "write \"10.20.0.0/16\""},
	{"[[connection]]", "[datapath]\nmss_clamp = 1\n[[connection]]", 38, false, "\"mss_clamp\""},
	{"[[connection]]", "[datapath]\nmss_clamp = true\n[[connection]]", 38, false, NULL},
	/* Who may come. */
	{"auth = \"psk\"", "auth = \"psk\"\nclient_ids = []", 41, false, "let everybody in: remove the key"},
	{"auth = \"psk\"", "auth = \"psk\"\nclient_ids = [\"cl\"]", 41, false, NULL},
	{"auth = \"psk\"", "auth = \"psk\"\nclient_ids = [\"cl\", \"a*@example.org\"]", 41, false, "fits nobody"},
	{"auth = \"psk\"", "auth = \"psk\"\nclient_ids = [\"cl\", \"host.*\"]", 41, false, "fits nobody"},
	{"auth = \"psk\"", "auth = \"psk\"\nclient_ids = [\"cl\", \"O=Ex*\"]", 41, false, "fits nobody"},
	{"auth = \"psk\"", "auth = \"psk\"\nclient_ids = [\"cl\", \"*.example.org.\"]", 41, false, "fits nobody"},
	{"auth = \"psk\"", "auth = \"psk\"\nclient_ids = [\"cl\", \"**\"]", 41, false, "fits nobody"},
	{"auth = \"psk\"", "auth = \"psk\"\nclient_ids = [\"cl\", \"*@\"]", 41, false, "fits nobody"},
	{"auth = \"psk\"", "auth = \"psk\"\nclient_ids = [\"cl\", \"192.0.2.0/24\"]", 41, false, "is a network"},
	{"auth = \"psk\"", "auth = \"psk\"\nclient_ids = [\"*\", \"*@b\", \"*.b\", \"O=E, CN=*\", \"host/b\", \"keyid:a*b\"]", 0, false, NULL},
	{"id = \"cl\"", "id = \"*\"", 46, false, "stands for somebody in"},
	{"local_id = \"gw\"", "local_id = \"*\"", 39, false, "stands for somebody in"},
	{NULL, "[[client]]\nid = \"*.example.org\"\naddress = \"10.30.0.9\"", 49, false, "stands for somebody in"},
	{"id = \"cl\"", "id = \"cl \"", 46, true, "begins or ends with a blank"},
	/* Addresses of identities. */
	{"psk_file = \"cl.psk\"", "psk_file = \"cl.psk\"\naddress = \"10.30.0.9\"", 48, false, NULL},
	{"psk_file = \"cl.psk\"", "psk_file = \"cl.psk\"\naddress = \"10.31.0.9\"", 48, false, "\"pool\" of no"},
	{"psk_file = \"cl.psk\"", "psk_file = \"cl.psk\"\naddress = \"10.30.255.255\"", 48, false, "\"pool\" of no"},
	{"psk_file = \"cl.psk\"", "psk_file = \"cl.psk\"\naddress = \"ten\"", 48, false, "is not an address"},
	{"psk_file = \"cl.psk\"", "psk_file = \"cl.psk\"\naddress = \"10.30.0.9\"\n[[client]]\nid = \"b\"\naddress = \"10.30.0.9\"", 51, false, "another identity's"},
	{"psk_file = \"cl.psk\"", "psk_file = \"cl.psk\"\naddress = \"10.30.0.9\"\n[[client]]\nid = \"cl\"\naddress = \"10.30.0.8\"", 51, false, "already"},
	{"psk_file = \"cl.psk\"", "psk_file = \"cl.psk\"\naddress = \"10.30.0.9\"\n[[client]]\nid = \"b\"\naddress = \"10.30.0.8\"", 51, true, "nobody gets \"address\" 10.30.0.8"},
	{NULL, "[[client]]\nid = \"b\"\n", 48, false, "lacks \"address\""},
	/* Sessions per identity, and what clients are told. */
	{"pool = \"10.30.0.0/16\"", "pool = \"10.30.0.0/16\"\nunique_ids = \"yes\"", 43, false, "\"unique_ids\""},
	{"pool = \"10.30.0.0/16\"", "pool = \"10.30.0.0/16\"\nunique_ids = \"replace\"", 43, false, NULL},
	{"pool = \"10.30.0.0/16\"", "pool = \"10.30.0.0/16\"\nsessions_per_identity = 0", 43, false, "\"sessions_per_identity\""},
	{"pool = \"10.30.0.0/16\"", "pool = \"10.30.0.0/16\"\nsessions_per_identity = 3", 43, false, NULL},
	{"pool = \"10.30.0.0/16\"", "pool = \"10.30.0.0/16\"\nunique_ids = \"keep\"\nsessions_per_identity = 3", 44, false, "allows one session"},
	{"pool = \"10.30.0.0/16\"", "pool = \"10.30.0.0/16\"\ndns = [\"10.20.0.53\"]\ndns_domains = [\"example.org\", \"_a-1.b.\"]", 44, false, NULL},
	{"pool = \"10.30.0.0/16\"", "pool = \"10.30.0.0/16\"\ndns = [\"10.20.0.53\"]\ndns_domains = [\"a..b\"]", 44, false, "not a domain"},
	{"pool = \"10.30.0.0/16\"", "pool = \"10.30.0.0/16\"\ndns_domains = [\"example.org\"]", 43, false, "needs \"dns\""},
	/* Duplicates. */
	{"[\"10.79.0.100/24\"]", "[\"10.79.0.100/24\", \"10.79.0.100/24\"]", 33, false, "twice"},
	{"[\"10.20.0.1/24\"]", "[\"10.20.0.1/24\", \"10.20.0.1/16\"]", 34, false, "the same address as an inner"},
	{"10.77.0.12:7500", "10.77.0.11:7500", 16, false, "n1 and n2 have the same \"link\""},
	{"10.77.0.12:7500", "10.79.0.100:7500", 16, false, "the same address as a service address"},
	{"name = \"n2\"", "name = \"n1\"", 15, false, "node \"n1\" is there twice"},
	{"cert_file = \"n2.pem\"", "cert_file = \"n1.pem\"", 17, false, "n1 and n2 have the same \"cert_file\""},
	{"data_dir = \"data/n2\"", "data_dir = \"data/n1\"", 19, true, "the same \"data_dir\""},
	{NULL, "[[secret]]\nid = \"cl\"\npsk_file = \"cl.psk\"\n", 49, false, "the same \"id\""},
	{NULL, ALICE "[[user]]\nname = \"Alice\"\npassword_file = \"alice.pw\"\n", 52, false, "the same \"name\""},
	{NULL, "[[connection]]\nname = \"road\"\nlocal_id = \"b\"\n"
	       "ike_proposals = [\"aes128gcm16-prfsha256-x25519\"]\n" CONNECTION, 49, false, "\"road\" is there twice"},
	{NULL, "[[connection]]\nname = \"b\"\nlocal_id = \"gw\"\n"
	       "ike_proposals = [\"aes128gcm16-prfsha256-x25519\"]\n" CONNECTION, 50, false, "is never chosen"},
	/* However it is written; the suites of the first are more. */
	{NULL, "[[connection]]\nname = \"b\"\nlocal_id = \"@GW\"\n"
	       "ike_proposals = [\"aes128gcm16-prfsha256-x25519\"]\n" CONNECTION, 50, false, "is never chosen"},
	{"ike_proposals = [\"aes128gcm16-prfsha256-x25519\"]\nesp_proposals = [\"aes128gcm16\"]\n",
	 "ike_proposals = [\"aes256-sha256-ecp256\", \"aes128gcm16-prfsha256-prfsha384-x25519-ecp256\"]\n"
	 "esp_proposals = [\"aes128gcm16\"]\n[[connection]]\nname = \"b\"\nlocal_id = \"gw\"\n"
	 "ike_proposals = [\"aes128gcm16-prfsha256-x25519\", \"aes256-sha256-ecp256\"]\n" CONNECTION, 47, false, "is never chosen"},
	{"ike_proposals = [\"aes128gcm16-prfsha256-x25519\"]\nesp_proposals = [\"aes128gcm16\"]\n",
	 "ike_proposals = [\"aes256-sha256-ecp256\", \"aes128gcm16-prfsha256-prfsha384-x25519-ecp256\"]\n"
	 "esp_proposals = [\"aes128gcm16\"]\n[[connection]]\nname = \"b\"\nlocal_id = \"gw\"\n"
	 "ike_proposals = [\"aes256gcm16-aes128gcm16-prfsha256-x25519\"]\n" CONNECTION, 0, false, NULL},
	{"local_id = \"gw\"\n", "local_id = \"gw\"\nclient_ids = [\"cl\", \"b\"]\n", 0, false, NULL},
	{"[[connection]]\n", "[[connection]]\nclient_ids = [\"cl\", \"b\"]\nname = \"a\"\nlocal_id = \"gw\"\n"
	 "ike_proposals = [\"aes128gcm16-prfsha256-x25519\"]\n" CONNECTION "[[connection]]\nclient_ids = [\"CL\"]\n", 48,
	 false, "is never chosen"},
	{"[[connection]]\n", "[[connection]]\nclient_ids = [\"b\", \"cl\"]\nname = \"a\"\nlocal_id = \"gw\"\n"
	 "ike_proposals = [\"aes128gcm16-prfsha256-x25519\"]\n" CONNECTION "[[connection]]\n", 0, false, NULL},
	{NULL, SERVER EAP ALICE "[[connection]]\nauth = \"eap-radius\"\nname = \"c\"\nlocal_id = \"gw\"\nlocal_ts = [\"10.20.0.0/16\"]\n"
	       "esp_proposals = [\"aes128gcm16\"]\nike_proposals = [\"aes128gcm16-prfsha256-x25519\"]\nclient_ids = [\"x\"]\n", 67,
	 false, "is never chosen"}, /* With EAP, nobody has said a name when the connection is chosen. */
	/* Nobody comes. */
	{"local_id = \"gw\"\n", "local_id = \"gw\"\nclient_ids = [\"*.example.org\"]\n", 40, true, "name no [[secret]]"},
	{NULL, ALICE, 49, true, "[[user]] is of no use"},
	{NULL, SERVER, 49, true, "[[radius]] is of no use"},
	{"[\"aes128gcm16\"]", "[\"aes128gcm16\", \"aes128gcm16\"]", 44, false, "twice"},
	/* Suites that only a client without better ones should get. */
	{"[\"aes128gcm16\"]", "[\"aes128gcm16\", \"aes256-sha1\"]", 44, true, "\"aes256-sha1\": WEAK"},
	{NULL, "[[connection]]\nname = \"b\"\nlocal_id = \"b\"\nike_proposals = [\"aes256-sha256-ecp256\",\n"
	       "\"aes256-sha256-modp1024\"]\n" CONNECTION, 52, true, "\"modp1024\" is obsolete (RFC 8247)"},
	/* Ways to authenticate that no client can use. */
	{"[[secret]]\nid = \"cl\"\npsk_file = \"cl.psk\"\n", "", 40, false, "at least one [[secret]]"},
	{"auth = \"psk\"", "auth = \"eap-mschapv2\"", 40, false, "at least one [[user]]"},
	{NULL, EAP, 52, false, "at least one [[user]]"},
	{"auth = \"psk\"", "auth = \"eap-mschapv2\"", 40, false, "the gateway cannot prove who it is"},
	{NULL, "[[user]]\nname = \"\"\npassword_file = \"alice.pw\"\n", 49, false, "is not a user's name"},
	{NULL, "[[user]]\nname = \"alice\"\n", 48, false, "lacks \"password_file\""},
	{"auth = \"psk\"", "auth = \"eap-radius\"", 40, false, "at least one [[radius]]"},
	{NULL, SERVER "accounting = true\n[[radius]]\naddress = \"10.20.0.9:1813\"\nsecret_file = \"cl.psk\"\n", 53, false, "take the accounts of another"},
	{NULL, SERVER SERVER, 52, false, "two [[radius]] have the same \"address\""},
	{NULL, SERVER "[[radius]]\naddress = \"10.20.0.9\"\nsecret_file = \"cl.psk\"\n", 52, false, "an address and port"},
	{NULL, "[[radius]]\naddress = \"[2001:db8::9]:1812\"\nsecret_file = \"cl.psk\"\n", 49, false, "the server has an IPv6 address"},
	{NULL, SERVER "coa = \"0.0.0.0:4500\"\n", 51, false, "has another use"},
	{NULL, SERVER "coa = \"3799\"\n", 51, false, "is not an IPv4 address and port"},
	{NULL, "[[radius]]\naddress = \"10.20.0.9:1812\"\n", 48, false, "lacks \"secret_file\""},
	{NULL, "[[radius]]\naddress = \"10.20.0.9:1812\"\nsecret_file = \"none\"\n", 50, false, "none"},
	/* Addresses that no node or client can have. */
	{"10.79.0.100/24", "10.79.0.0/24", 33, false, "not a host address"},
	{"10.20.0.1/24", "10.20.0.255/24", 34, false, "not a host address"},
	{"10.77.0.12:7500", "0.0.0.0:7500", 16, false, "not a host address"},
	{"10.77.0.12:7500", "127.0.0.1:7500", 0, false, NULL},
	{"10.77.0.12:7500", "10.77.0.12:0", 16, false, "address and port"},
	{"[\"10.20.0.1/24\"]", "[\"10.79.0.1/24\"]", 34, true, "in one network"},
	{"pool = \"10.30.0.0/16\"", "pool = \"10.30.0.0/16\"\ndns = [\"9.9.9.9\"]", 43, true, "9.9.9.9"},
	/* Numbers. */
	{"heartbeat_ms = 10", "heartbeat_ms = 0", 36, false, "between 1 and"},
	{"heartbeat_ms = 10", "heartbeat_ms = 500", 35, false, "heartbeat_ms x heartbeats_missed = 1500"},
	{"heartbeat_ms = 10", "isolation_ms = 100\nheartbeats_missed = 20", 36, false, "= 200"},
	{"heartbeat_ms = 10", "detection_max_ms = 29", 36, false, "\"detection_max_ms\" of 29 must be"},
	{"heartbeat_ms = 10", "detection_max_ms = 1001", 36, false, "\"detection_max_ms\" of 1001 must be"},
	{"heartbeat_ms = 10", "raft_election_ms = 60", 36, false, "raft_heartbeat_ms"},
	{"pool = \"10.30.0.0/16\"", "pool = \"10.30.0.0/16\"\nhard_time_s = 14400", 43, false, "rekey_time_s"},
	{"pool = \"10.30.0.0/16\"", "pool = \"10.30.0.0/16\"\nrekey_time_s = 9", 43, false, "at least 10"},
	{"pool = \"10.30.0.0/16\"", "pool = \"10.30.0.0/16\"\nhard_bytes = 1000000", 43, false, "more than \"rekey_bytes\", which is 0"},
	{"pool = \"10.30.0.0/16\"", "pool = \"10.30.0.0/16\"\nrekey_packets = 5000\nhard_packets = 5000", 44, false, "rekey_packets"},
	{"pool = \"10.30.0.0/16\"", "pool = \"10.30.0.0/16\"\nrekey_bytes = 999999", 43, false, "at least 1000000"},
	{"pool = \"10.30.0.0/16\"", "pool = \"10.30.0.0/16\"\nhard_packets = -1", 43, false, "at least 1000"},
	{"pool = \"10.30.0.0/16\"", "pool = \"10.30.0.0/16\"\nrekey_bytes = 1000000000000\nhard_bytes = 1100000000000\n"
				     "rekey_packets = 1000", 0, false, NULL},
	{"pool = \"10.30.0.0/16\"", "pool = \"10.30.0.0/16\"\ndpd_delay_ms = 1", 43, false, "dpd_delay_ms"},
	{"name = \"lab\"", "name = \"lab\"\nhalf_open_max = 100\ncookie_above = 100", 4, false, "no cookie"},
	{"name = \"lab\"", "name = \"lab\"\nsessions_max = 1000000", 3, false, "lower \"sessions_max\" to at most 1"},
	{"name = \"lab\"", "name = \"lab\"\nsessions_max = 100\nchild_sas_max = 8000000", 3, false, "lower \"child_sas_max\""},
	{"name = \"lab\"", "name = \"lab\"\ntombstones_max = 10000000", 3, false, "lower \"child_sas_max\" or \"tombstones_max\""},
	{"name = \"lab\"", "name = \"lab\"\nsessions_max = 50000\ntombstones_max = 2000000", 2, false, NULL},
	/* Fragments. */
	{"mode = \"vip\"", "mode = \"vip\"\nfragment_size = 255", 33, false, "\"fragment_size\" must be between 256 and 1500"},
	{"mode = \"vip\"", "mode = \"vip\"\nfragment_size = 1501", 33, false, "\"fragment_size\" must be between 256 and 1500"},
	{"mode = \"vip\"", "mode = \"vip\"\nfragment_size = 575", 33, true, "576 is enough for all"},
	{"mode = \"vip\"", "mode = \"vip\"\nfragment_size = 576", 0, false, NULL},
	{"mode = \"vip\"", "mode = \"vip\"\nfragment_size = \"576\"", 33, false, "fragment_size"},
	{"mode = \"vip\"", "mode = \"vip\"\nfragmentation = 1", 33, false, "fragmentation"},
	{"mode = \"vip\"", "mode = \"vip\"\nfragmentation = false", 0, false, NULL},
	/* Values that must not be used. */
	{NULL, "[test]\nno_datapath = true\n", 48, true, "[test]"},
	{"mode = \"vip\"", "mode = \"lb\"", 32, false, "not built"},
	{NODE2, "", 15, true, "2 nodes"},
	/* Strings. */
	{"name = \"lab\"", "name = \"l\\u0000ab\"", 2, false, "NUL"},
	{"name = \"lab\"", "name = \"l\\u001bab\"", 2, false, "control character"},
	{"ca_file", "\"ca\\u0000_file\"", 3, false, "NUL"},
	{"pool =", "poll =", 42, false, "did you mean \"pool\"?"},
};

static void each_fault_is_named(void **unused)
{
	(void)unused;
	put_good_files();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put_changed(rows[i].from, rows[i].to);
		if (!rows[i].text)
			expect_good(NULL);
		else
			expect((int)i, NULL, rows[i].line, rows[i].warning, rows[i].text);
	}
	put_changed("http = \"127.0.0.1:9505\"\n[[node]]\nname = \"n2\"",
		    "http = \"0.0.0.0:7500\"\n[[node]]\nname = \"n2\"");
	expect(100, NULL, 13, false, "have the same port");
	put_changed("http = \"127.0.0.1:9505\"\n[[node]]\nname = \"n3\"",
		    "http = \"10.77.0.12:7500\"\n[[node]]\nname = \"n3\"");
	expect(101, NULL, 22, false, "have the same port");
}

/* ---- Calls that only ask ---- */

static void an_address_is_read_without_any_secret(void **unused)
{
	static const char *const secret[] = {"storage.key", "cl.psk", "ca.pem", "n1.key"};
	char http[CONFIG_PATH_MAX], file[128];
	struct config_errors e;

	(void)unused;
	put_changed("storage_key_file = \"storage.key\"", "storage_key_file = \"credential:storage\"");
	unsetenv("CREDENTIALS_DIRECTORY");
	for (int i = 0; i < 4; i++) {
		snprintf(file, sizeof(file), "%s/%s", dir, secret[i]);
		unlink(file);
	}
	assert_int_equal(node_config_text(path, "n2", "http", http, &e), 0);
	assert_string_equal(http, "127.0.0.1:9505");
	config_errors_fini(&e);
	assert_int_equal(node_config_text(path, NULL, "http", http, &e), 0);
	assert_string_equal(http, "127.0.0.1:9505");
	config_errors_fini(&e);
	assert_int_equal(node_config_text(path, "n3", "http", http, &e), 1);
	assert_string_equal(http, "");
	config_errors_fini(&e);
	assert_int_equal(node_config_text(path, "n4", "http", http, &e), -1);
	assert_non_null(strstr(e.list[0].text, "no node \"n4\""));
	config_errors_fini(&e);
	put_good_files();
}

/* So do `baton revoke` and the others find a node's socket. */
static void a_control_socket_is_found_without_any_secret(void **unused)
{
	struct config_errors e;
	char at[CONFIG_PATH_MAX], mine[64];

	(void)unused;
	put_changed("storage_key_file = \"storage.key\"", "storage_key_file = \"credential:storage\"");
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_int_equal(node_config_control(path, "n2", at, &e), 0);
	assert_string_equal(at, "/run/baton/n2.sock");
	config_errors_fini(&e);
	put_changed("data_dir = \"data/n2\"", "data_dir = \"data/n2\"\ncontrol = \"n2.sock\"");
	assert_int_equal(node_config_control(path, "n2", at, &e), 0);
	snprintf(mine, sizeof(mine), "%s/n2.sock", dir);
	assert_string_equal(at, mine);
	config_errors_fini(&e);
	put_changed("data_dir = \"data/n2\"", "data_dir = \"data/n2\"\ncontrol = \"\"");
	assert_int_equal(node_config_control(path, "n2", at, &e), 0);
	assert_string_equal(at, "");
	config_errors_fini(&e);
	assert_int_equal(node_config_control(path, "n4", at, &e), -1);
	config_errors_fini(&e);
}

/* As deploy/baton@.service recommends: systemd shows them to the node alone. */
static void credentials_are_the_units_own(void **unused)
{
	static const struct {
		const char *from, *to;
		int line;
	} named[] = {
		{"\"storage.key\"", "\"credential:storage.key\"\nsessions_max = 9", 4},
		{"key_file = \"n1.key\"", "key_file = \"credential:node.key\"", 9},
		{"cert_file = \"n1.pem\"", "cert_file = \"credential:node.pem\"", 8},
		{"data_dir = \"data/n1\"", "data_dir = \"data/n1\"\nlink_secret_file = \"credential:link\"", 11},
		{"psk_file = \"cl.psk\"", "psk_file = [\"credential:a\", \"credential:b\"]", 47},
		{NULL, ALICE "[[user]]\nname = \"bob\"\npassword_file = \"credential:bob\"", 53},
		{NULL, "[[radius]]\naddress = \"10.20.0.9:1812\"\nsecret_file = \"credential:radius\"", 50},
	};

	(void)unused;
	unsetenv("CREDENTIALS_DIRECTORY");
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		put_changed(named[i].from, named[i].to);
		expect((int)i, "n1", named[i].line, true, "it is not checked here");
		purpose = CONFIG_RUN;
		expect((int)i, "n1", named[i].line, false, "CREDENTIALS_DIRECTORY is not set: start the node by its unit");
		purpose = CONFIG_RELOAD;
		expect((int)i, "n1", named[i].line, false, "CREDENTIALS_DIRECTORY is not set");
		purpose = CONFIG_CHECK;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_good_file_is_good),
		TEST(each_fault_is_named),
		TEST(an_address_is_read_without_any_secret),
		TEST(a_control_socket_is_found_without_any_secret),
		TEST(credentials_are_the_units_own),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
