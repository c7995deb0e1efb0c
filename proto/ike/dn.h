/* SPDX-License-Identifier: Apache-2.0 */
/* Distinguished names as identities (ID_DER_ASN1_DN, RFC 7296 3.5): a Name in DER, and the text
 * that stands for it, in the order of the DER as strongSwan has it:
 *
 * 	C=CH, O=Linux strongSwan, CN=moon
 *
 * A backslash escapes "," and "\". Attributes are written with the names below; a name with other
 * attributes, or with unprintable values, has no text. */
#ifndef PROTO_IKE_DN_H
#define PROTO_IKE_DN_H

#include "proto/wire/status.h"

#include <openssl/bytestring.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes the DER to out, and its length to *len. ERR_MALFORMED: an unknown attribute, no value;
 * ERR_TOO_LONG. */
enum status dn_parse(const char *text, uint8_t *out, size_t size, size_t *len) must_check;

/* The text; false: it has none, or not in size octets. */
bool dn_format(CBS der, char *text, size_t size) must_check;

/* Equal names become equal octets, in place: case of letters and kind of string do not count.
 * What is no Name stays as it is. */
void dn_make_key(uint8_t *der, size_t len);

bool dn_has_star(CBS der); /* "*" in a value */
bool dn_has_star_amid(CBS der); /* ... with something else, where it fits nothing. */

/* Does the name fit the pattern? Attribute by attribute, in order; a value "*" fits any. */
bool dn_matches(CBS der, CBS pattern) must_check;

#endif
