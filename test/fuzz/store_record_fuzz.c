/* SPDX-License-Identifier: Apache-2.0 */
/* Records of a store that an attacker wrote. The header is parsed before its MAC is known; for the
 * rest the input is a body, authenticated here, so that the code behind the MAC is reached. */
#include "node/store/store_record.c" /* The one file of node/ that this needs. */

/* runs: 50000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t key[32] = "a key of thirty-two octets here";
	static const uint8_t zero[STORE_MAC_LEN];
	static const enum record_kind kinds[] = {RECORD_ENTRY, RECORD_SNAPSHOT, RECORD_IDENTITY,
						 RECORD_TIP, RECORD_TIP_FILE};
	struct record_key k;
	struct record_header h;
	struct record_tip tip;
	struct log_entry e = {0};
	struct store_snapshot *snapshot = NULL;
	struct blob *identity = NULL, *b;
	uint8_t mac[STORE_MAC_LEN];
	uint64_t counter;

	if (len < 1 || len > 65536)
		return 0;
	record_header_parse(data, len, &h);
	record_key_init(&k, key, sizeof(key), "fuzz");
	b = record_new(len - 1);
	if (len > 1)
		memcpy(b->data + STORE_MAC_LEN, data + 1, len - 1);
	record_seal(&k, kinds[data[0] % 5], kinds[data[0] % 5] == RECORD_ENTRY ? 7 : 0, NULL, b, mac);
	if (record_entry_open(&k, 7, b->data, b->len, zero, &e, mac))
		blob_unref(e.data);
	if (record_snapshot_open(&k, b->data, b->len, b->data, &snapshot))
		store_snapshot_free(snapshot);
	if (record_identity_open(&k, b->data, b->len, b->data, &identity))
		blob_unref(identity);
	if (record_tip_open(&k, b->data, b->len, &tip))
		assert(tip.last + 1 >= tip.first);
	record_tip_file_open(&k, b->data, b->len, zero, &counter);
	blob_unref(b);
	record_key_fini(&k);
	return 0;
}
