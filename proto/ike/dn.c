/* SPDX-License-Identifier: Apache-2.0 */
/* A Name is a SEQUENCE of RDNs, each a SET of one attribute (of several in theory: such a name
 * has no text and fits no pattern), each a SEQUENCE of an OID and a string (RFC 5280 4.1.2.4). */
#include "proto/ike/dn.h"

#include <openssl/mem.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	uint8_t tag; /* Tag of the strings that we write; any is read. */
	uint8_t len;
	uint8_t oid[10];
} attributes[] = {
	{"CN", CBS_ASN1_UTF8STRING, 3, {0x55, 0x04, 0x03}},
	{"C", CBS_ASN1_PRINTABLESTRING, 3, {0x55, 0x04, 0x06}},
	{"O", CBS_ASN1_UTF8STRING, 3, {0x55, 0x04, 0x0a}},
	{"OU", CBS_ASN1_UTF8STRING, 3, {0x55, 0x04, 0x0b}},
	{"L", CBS_ASN1_UTF8STRING, 3, {0x55, 0x04, 0x07}},
	{"ST", CBS_ASN1_UTF8STRING, 3, {0x55, 0x04, 0x08}},
	{"SN", CBS_ASN1_PRINTABLESTRING, 3, {0x55, 0x04, 0x05}}, /* serialNumber, as strongSwan has it */
	{"T", CBS_ASN1_UTF8STRING, 3, {0x55, 0x04, 0x0c}},
	{"UID", CBS_ASN1_UTF8STRING, 10, {0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x01}},
	{"DC", CBS_ASN1_IA5STRING, 10, {0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19}},
	{"E", CBS_ASN1_IA5STRING, 9, {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01}},
};

#define ATTRIBUTES (sizeof(attributes) / sizeof(attributes[0]))
#define VALUE_MAX 127u /* Its length takes one octet. */

/* ---- Reading DER ---- */

struct attribute {
	CBS oid, value;
	CBS_ASN1_TAG tag;
};

static bool is_string(CBS_ASN1_TAG tag)
{
	return tag == CBS_ASN1_UTF8STRING || tag == CBS_ASN1_PRINTABLESTRING || tag == CBS_ASN1_IA5STRING ||
	       tag == CBS_ASN1_T61STRING;
}

/* The names of a Name; false: it is none. */
static bool open_name(CBS *der)
{
	CBS names;

	if (!CBS_get_asn1(der, &names, CBS_ASN1_SEQUENCE) || CBS_len(der) != 0)
		return false;
	*der = names;
	return true;
}

/* The next RDN, if it has one attribute, a string. */
static bool take(CBS *names, struct attribute *a)
{
	CBS set, pair;

	return CBS_get_asn1(names, &set, CBS_ASN1_SET) && CBS_get_asn1(&set, &pair, CBS_ASN1_SEQUENCE) &&
	       CBS_len(&set) == 0 && CBS_get_asn1(&pair, &a->oid, CBS_ASN1_OBJECT) &&
	       CBS_get_any_asn1(&pair, &a->value, &a->tag) && CBS_len(&pair) == 0 && is_string(a->tag);
}

/* ---- Text ---- */

/* "CN=moon" up to a comma; *rest: behind it. */
static bool read_attribute(const char **rest, size_t *which, char value[VALUE_MAX], size_t *len)
{
	const char *p = *rest + strspn(*rest, " "), *equals = strchr(p, '=');
	size_t n = 0;

	if (!equals)
		return false;
	for (*which = 0; *which < ATTRIBUTES; (*which)++)
		if (strncasecmp(p, attributes[*which].name, (size_t)(equals - p)) == 0 &&
		    attributes[*which].name[equals - p] == '\0')
			break;
	if (*which == ATTRIBUTES)
		return false;
	for (p = equals + 1; *p && *p != ','; p++) {
		if (*p == '\\' && p[1])
			p++;
		if (n == VALUE_MAX)
			return false;
		value[n++] = *p;
	}
	*len = n;
	*rest = p;
	return n > 0;
}

static bool add_attribute(CBB *names, size_t which, const char *value, size_t len)
{
	CBB set, pair, oid, string;

	return CBB_add_asn1(names, &set, CBS_ASN1_SET) && CBB_add_asn1(&set, &pair, CBS_ASN1_SEQUENCE) &&
	       CBB_add_asn1(&pair, &oid, CBS_ASN1_OBJECT) &&
	       CBB_add_bytes(&oid, attributes[which].oid, attributes[which].len) &&
	       CBB_add_asn1(&pair, &string, attributes[which].tag) &&
	       CBB_add_bytes(&string, (const uint8_t *)value, len) && CBB_flush(names);
}

enum status dn_parse(const char *text, uint8_t *out, size_t size, size_t *len)
{
	enum status s = OK;
	char value[VALUE_MAX];
	size_t which, n;
	CBB cbb, names;

	if (!CBB_init_fixed(&cbb, out, size) || !CBB_add_asn1(&cbb, &names, CBS_ASN1_SEQUENCE))
		s = ERR_TOO_LONG;
	while (s == OK) {
		if (!read_attribute(&text, &which, value, &n))
			s = ERR_MALFORMED;
		else if (!add_attribute(&names, which, value, n))
			s = ERR_TOO_LONG;
		else if (*text == '\0')
			break;
		else
			text++;
	}
	if (s == OK && !CBB_finish(&cbb, NULL, len))
		s = ERR_TOO_LONG;
	if (s != OK)
		CBB_cleanup(&cbb);
	return s;
}

static const char *name_of(const CBS *oid)
{
	for (size_t i = 0; i < ATTRIBUTES; i++)
		if (CBS_mem_equal(oid, attributes[i].oid, attributes[i].len))
			return attributes[i].name;
	return NULL;
}

/* Where the text goes on; NULL: there is no room for it, or it is not printable. */
static char *put_value(char *at, const char *end, CBS value)
{
	uint8_t c;

	while (at && CBS_get_u8(&value, &c)) {
		bool escaped = c == ',' || c == '\\';

		if (c < 0x20 || c >= 0x7f || end - at < 3)
			return NULL;
		if (escaped)
			*at++ = '\\';
		*at++ = (char)c;
	}
	return at;
}

bool dn_format(CBS der, char *text, size_t size)
{
	const char *end = text + size;
	struct attribute a;
	char *at = text;

	if (!open_name(&der) || CBS_len(&der) == 0)
		return false;
	while (CBS_len(&der) > 0) {
		const char *name = take(&der, &a) ? name_of(&a.oid) : NULL;
		int n;

		if (!name || CBS_len(&a.value) == 0 || end - at < 8)
			return false;
		n = snprintf(at, (size_t)(end - at), "%s%s=", at == text ? "" : ", ", name);
		at = put_value(at + n, end, a.value);
		if (!at)
			return false;
	}
	*at = '\0';
	return true;
}

/* ---- Comparing ---- */

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

void dn_make_key(uint8_t *der, size_t len)
{
	struct attribute a;
	CBS in, check;

	CBS_init(&in, der, len);
	if (!open_name(&in))
		return;
	check = in;
	while (CBS_len(&check) > 0)
		if (!take(&check, &a) || CBS_len(&a.value) >= 0x80)
			return;
	while (CBS_len(&in) > 0 && take(&in, &a)) {
		uint8_t *value = der + (CBS_data(&a.value) - der);

		for (size_t i = 0; i < CBS_len(&a.value); i++)
			value[i] = lower(value[i]);
		value[-2] = CBS_ASN1_UTF8STRING; /* A short length stands between. */
	}
}

/* In a value of so many octets or more. */
static bool has_star(CBS der, size_t least)
{
	struct attribute a;

	if (!open_name(&der))
		return false;
	while (CBS_len(&der) > 0 && take(&der, &a))
		if (CBS_len(&a.value) >= least && memchr(CBS_data(&a.value), '*', CBS_len(&a.value)))
			return true;
	return false;
}

bool dn_has_star(CBS der)
{
	return has_star(der, 1);
}

bool dn_has_star_amid(CBS der)
{
	return has_star(der, 2);
}

static bool value_fits(const struct attribute *a, const struct attribute *p)
{
	if (CBS_mem_equal(&p->value, (const uint8_t *)"*", 1))
		return true;
	if (CBS_len(&a->value) != CBS_len(&p->value))
		return false;
	for (size_t i = 0; i < CBS_len(&a->value); i++)
		if (lower(CBS_data(&a->value)[i]) != lower(CBS_data(&p->value)[i]))
			return false;
	return true;
}

bool dn_matches(CBS der, CBS pattern)
{
	struct attribute a, p;

	if (!open_name(&der) || !open_name(&pattern))
		return false;
	while (CBS_len(&der) > 0 && CBS_len(&pattern) > 0)
		if (!take(&der, &a) || !take(&pattern, &p) ||
		    !CBS_mem_equal(&a.oid, CBS_data(&p.oid), CBS_len(&p.oid)) || !value_fits(&a, &p))
			return false;
	return CBS_len(&der) == 0 && CBS_len(&pattern) == 0;
}
