/* SPDX-License-Identifier: Apache-2.0 */
/* Identities (RFC 7296 3.5) and the strings that stand for them, read as strongSwan
 * reads them, so that an administrator can carry them over:
 *
 *	10.0.0.1, 2001:db8::1      ID_IPV4_ADDR, ID_IPV6_ADDR
 *	a@b                        ID_RFC822_ADDR
 *	gw, gw.example.org, @gw    ID_FQDN (a leading @ keeps other readings away)
 *	@@a@b                      ID_RFC822_ADDR
 *	@#0a1b                     ID_KEY_ID, hexadecimal
 *	keyid: fqdn: dns: email: rfc822: userfqdn: ipv4: ipv6:   the type spelled out;
 *	                           keyid:0x0a1b is hexadecimal
 *	C=CH, O=x, CN=moon         ID_DER_ASN1_DN (dn.h); also behind asn1dn:
 *	type9:0x3000               any type, by its number: what has no other text is printed so
 *
 * What is printed reads back as the same identity, because operators copy it into commands. */
#include "proto/ike/dn.h"
#include "proto/ike/ike_message.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *text;
	uint8_t type;
} id_prefixes[] = {
	{"keyid:", IKE_ID_KEY_ID},         {"fqdn:", IKE_ID_FQDN},
	{"dns:", IKE_ID_FQDN},             {"email:", IKE_ID_RFC822_ADDR},
	{"rfc822:", IKE_ID_RFC822_ADDR},   {"userfqdn:", IKE_ID_RFC822_ADDR},
	{"ipv4:", IKE_ID_IPV4_ADDR},       {"ipv6:", IKE_ID_IPV6_ADDR},
	{"asn1dn:", IKE_ID_DER_ASN1_DN},
};

static enum status set_bytes(struct ike_id *id, uint8_t type, const void *data, size_t len)
{
	if (len == 0)
		return ERR_MALFORMED;
	if (len > IKE_ID_MAX)
		return ERR_TOO_LONG;
	memset(id, 0, sizeof(*id));
	id->type = type;
	id->len = (uint8_t)len;
	memcpy(id->data, data, len);
	return OK;
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef0123456789ABCDEF", *p = strchr(digits, c);

	return c != '\0' && p ? (int)((p - digits) & 15) : -1;
}

static enum status set_hex(struct ike_id *id, uint8_t type, const char *text)
{
	uint8_t bytes[IKE_ID_MAX];
	size_t len = strlen(text);

	if (len % 2 != 0)
		return ERR_MALFORMED;
	if (len / 2 > sizeof(bytes))
		return ERR_TOO_LONG;
	for (size_t i = 0; i < len; i += 2) {
		int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);

		if (high < 0 || low < 0)
			return ERR_MALFORMED;
		bytes[i / 2] = (uint8_t)(high << 4 | low);
	}
	return set_bytes(id, type, bytes, len / 2);
}

static enum status set_address(struct ike_id *id, const char *text, uint8_t type)
{
	struct address a;

	if (address_parse(&a, text) != OK)
		return ERR_MALFORMED;
	if (type == 0)
		type = a.family == 4 ? IKE_ID_IPV4_ADDR : IKE_ID_IPV6_ADDR;
	if ((type == IKE_ID_IPV4_ADDR) != (a.family == 4))
		return ERR_MALFORMED;
	return set_bytes(id, type, a.octets, address_len(&a));
}

static enum status set_dn(struct ike_id *id, const char *text)
{
	uint8_t der[IKE_ID_MAX];
	size_t len = 0;
	enum status s = dn_parse(text, der, sizeof(der), &len);

	return s == OK ? set_bytes(id, IKE_ID_DER_ASN1_DN, der, len) : s;
}

static enum status set_typed(struct ike_id *id, uint8_t type, const char *text)
{
	if (type == IKE_ID_IPV4_ADDR || type == IKE_ID_IPV6_ADDR)
		return set_address(id, text, type);
	if (type == IKE_ID_KEY_ID && strncmp(text, "0x", 2) == 0)
		return set_hex(id, type, text + 2);
	if (type == IKE_ID_DER_ASN1_DN)
		return set_dn(id, text);
	return set_bytes(id, type, text, strlen(text));
}

/* "type9:0x3000": where the digits begin, and the type; NULL: it is none of these. */
static const char *numbered(const char *text, uint8_t *type)
{
	unsigned n = 0;

	if (strncmp(text, "type", 4) != 0 || text[4] < '0' || text[4] > '9')
		return NULL;
	for (text += 4; *text >= '0' && *text <= '9' && n <= 255; text++)
		n = 10 * n + (unsigned)(*text - '0');
	*type = (uint8_t)n;
	return n <= 255 && strncmp(text, ":0x", 3) == 0 ? text + 3 : NULL;
}

enum status ike_id_parse(struct ike_id *id, const char *text)
{
	struct ike_id guess;
	const char *digits = numbered(text, &guess.type);

	memset(id, 0, sizeof(*id));
	if (digits)
		return set_hex(id, guess.type, digits);
	for (size_t i = 0; i < sizeof(id_prefixes) / sizeof(id_prefixes[0]); i++) {
		size_t len = strlen(id_prefixes[i].text);

		if (strncasecmp(text, id_prefixes[i].text, len) == 0)
			return set_typed(id, id_prefixes[i].type, text + len);
	}
	if (set_address(&guess, text, 0) == OK) {
		*id = guess;
		return OK;
	}
	if (strncmp(text, "@#", 2) == 0)
		return set_hex(id, IKE_ID_KEY_ID, text + 2);
	if (strncmp(text, "@@", 2) == 0)
		return set_bytes(id, IKE_ID_RFC822_ADDR, text + 2, strlen(text + 2));
	if (*text == '@')
		return set_bytes(id, IKE_ID_FQDN, text + 1, strlen(text + 1));
	if (*text == '%') /* %any */
		return ERR_UNSUPPORTED;
	if (strchr(text, '='))
		return set_dn(id, text);
	return set_bytes(id, strchr(text, '@') ? IKE_ID_RFC822_ADDR : IKE_ID_FQDN, text,
			 strlen(text));
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* Names of hosts and mailboxes match without regard to case, as in strongSwan; everything else bit
 * for bit. */
struct ike_id ike_id_key(const struct ike_id *id)
{
	bool any_case = id->type == IKE_ID_FQDN || id->type == IKE_ID_RFC822_ADDR;
	struct ike_id key = {.type = id->type, .len = id->len};

	for (size_t i = 0; i < id->len; i++)
		key.data[i] = any_case ? lower(id->data[i]) : id->data[i];
	if (id->type == IKE_ID_DER_ASN1_DN)
		dn_make_key(key.data, key.len);
	return key;
}

bool ike_id_equal(const struct ike_id *a, const struct ike_id *b)
{
	struct ike_id x, y;

	if (a->type != b->type || a->len != b->len)
		return false;
	x = ike_id_key(a);
	y = ike_id_key(b);
	return memcmp(&x, &y, sizeof(x)) == 0;
}

/* A wildcard stands for a non-empty beginning. */
static bool ends_with(const struct ike_id *id, const struct ike_id *pattern)
{
	struct ike_id x = ike_id_key(id), y = ike_id_key(pattern);
	size_t tail = y.len - 1u;

	return x.len > tail && memcmp(x.data + x.len - tail, y.data + 1, tail) == 0;
}

bool ike_id_matches(const struct ike_id *id, const struct ike_id *pattern)
{
	bool wild = pattern->len > 0 && pattern->data[0] == '*';
	CBS der, fits;

	if (wild && pattern->type == IKE_ID_FQDN && pattern->len == 1)
		return true;
	if (id->type != pattern->type)
		return false;
	if (wild && (id->type == IKE_ID_FQDN || id->type == IKE_ID_RFC822_ADDR))
		return ends_with(id, pattern);
	if (id->type != IKE_ID_DER_ASN1_DN)
		return ike_id_equal(id, pattern);
	CBS_init(&der, id->data, id->len);
	CBS_init(&fits, pattern->data, pattern->len);
	return dn_matches(der, fits);
}

bool ike_id_is_pattern(const struct ike_id *id)
{
	if (id->type == IKE_ID_DER_ASN1_DN) {
		CBS der;

		CBS_init(&der, id->data, id->len);
		return dn_has_star(der);
	}
	return (id->type == IKE_ID_FQDN || id->type == IKE_ID_RFC822_ADDR) && memchr(id->data, '*', id->len);
}

bool ike_id_pattern_fits_nobody(const struct ike_id *id)
{
	CBS der;

	CBS_init(&der, id->data, id->len);
	if (id->type == IKE_ID_DER_ASN1_DN)
		return dn_has_star_amid(der);
	if (!ike_id_is_pattern(id))
		return false;
	return memchr(id->data + 1, '*', id->len - 1u) || (id->len > 1 && strchr(".@", id->data[id->len - 1]));
}

static const char *format_bytes(const struct ike_id *id, const char *lead, char *text, size_t size)
{
	int at = snprintf(text, size, "%s", lead);

	for (size_t i = 0; i < id->len && at >= 0 && (size_t)at < size; i++)
		at += snprintf(text + at, size - (size_t)at, "%02x", id->data[i]);
	return text;
}

static bool reads_back(const struct ike_id *id, const char *text)
{
	struct ike_id again;

	return ike_id_parse(&again, text) == OK && ike_id_equal(&again, id);
}

/* As octets are, behind what names the type, unless that goes without saying. */
static bool format_text(const struct ike_id *id, char *text, size_t size)
{
	const char *lead = id->type == IKE_ID_FQDN ? "fqdn:" : id->type == IKE_ID_KEY_ID ? "keyid:" : "email:";

	for (size_t i = 0; i < id->len; i++)
		if (id->data[i] <= 0x20 || id->data[i] >= 0x7f)
			return false;
	snprintf(text, size, "%.*s", (int)id->len, (const char *)id->data);
	if (reads_back(id, text))
		return true;
	snprintf(text, size, "%s%.*s", lead, (int)id->len, (const char *)id->data);
	return reads_back(id, text);
}

static bool format_address(const struct ike_id *id, char *text, size_t size)
{
	struct address a = {.family = id->type == IKE_ID_IPV4_ADDR ? 4 : 6};
	char address[ADDRESS_TEXT_LEN];

	if (id->len != address_len(&a))
		return false;
	memcpy(a.octets, id->data, id->len);
	snprintf(text, size, "%s", address_format(&a, address));
	return true;
}

/* A peer's identity goes to logs and status pages: only printable ASCII passes unchanged. */
const char *ike_id_format(const struct ike_id *id, char *text, size_t size)
{
	bool done = false;
	char lead[16];
	CBS der;

	switch (id->type) {
	case IKE_ID_IPV4_ADDR:
	case IKE_ID_IPV6_ADDR:
		done = format_address(id, text, size);
		break;
	case IKE_ID_FQDN:
	case IKE_ID_RFC822_ADDR:
	case IKE_ID_KEY_ID:
		done = format_text(id, text, size);
		break;
	case IKE_ID_DER_ASN1_DN:
		CBS_init(&der, id->data, id->len);
		done = dn_format(der, text, size) && reads_back(id, text);
		break;
	default:
		break;
	}
	if (done)
		return text;
	if (id->type == IKE_ID_KEY_ID)
		return format_bytes(id, "keyid:0x", text, size);
	snprintf(lead, sizeof(lead), "type%u:0x", id->type);
	return format_bytes(id, lead, text, size);
}
