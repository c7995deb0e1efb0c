/* SPDX-License-Identifier: Apache-2.0 */
/* Input from a socket of the lowest rung: IKE, ESP, ESP or IKE in UDP, or none of them. The first
 * octet says which socket, of which family; the rest is what it read. A raw IPv4 socket keeps the
 * IP header, so its length is believed by no one. */
#include "xdp/port/sockets.c" /* For what is static in it. */

/* runs: 200000 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t marker[NON_ESP_MARKER_LEN];
	struct socket_message m = {0};
	enum socket_kind kind;
	struct esp_packet p;
	uint8_t *copy;

	if (len < 1)
		return 0;
	kind = (enum socket_kind)(data[0] % SOCKET_KINDS);
	m.path.local.address.family = data[0] & 0x80 ? 6 : 4;
	copy = malloc(len);
	assert(copy);
	memcpy(copy, data + 1, len - 1);
	m.data = copy;
	m.len = len - 1;
	sort_out(&m, kind);
	assert(m.data >= copy && m.data + m.len == copy + len - 1);
	assert(m.path.udp_encap == (kind == SOCKET_ENCAP));
	if (kind == SOCKET_IKE)
		assert(m.kind == ENCAP_IKE && m.data == copy);
	if (kind == SOCKET_ENCAP && m.kind == ENCAP_IKE)
		assert(m.data == copy + sizeof(marker) && memcmp(copy, marker, sizeof(marker)) == 0);
	if (m.kind == ENCAP_ESP && esp_parse(&p, m.data, m.len) == DROP_NONE)
		assert(p.spi != 0 && m.len >= ESP_HEADER_LEN);
	free(copy);
	return 0;
}
