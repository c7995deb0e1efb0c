/* SPDX-License-Identifier: Apache-2.0 */
/* Proposals as an administrator writes them, in strongSwan's spelling. A string that could never
 * lead to an SA is an error here, not a surprise with the first client: no AEAD beside other
 * ciphers (RFC 7296 3.3: "it must include two proposals"), every mandatory type present (3.3.3),
 * nothing given twice.
 *
 * If no PRF is given, it follows the integrity algorithms, as with strongSwan; with an AEAD there
 * is none to follow, so it must be spelled out. */
#include "proto/crypto/suite_names.h"

#include <stdio.h>
#include <string.h>

#define WORD_MAX 32u

static char why_text[128];

static enum status refuse(const char **why, const char *what, const char *word)
{
	snprintf(why_text, sizeof(why_text), word ? "%s '%.40s'" : "%s", what, word);
	if (why)
		*why = why_text;
	return ERR_MALFORMED;
}

static const struct suite_name *find_name(const char *word)
{
	for (const struct suite_name *n = suite_names; n->text; n++)
		if (strcmp(n->text, word) == 0)
			return n;
	return NULL;
}

/* Appends to a list of choices; false if it is there already or there is no room. */
static bool add_choice(uint16_t *list, uint8_t *n, uint16_t id)
{
	for (uint8_t i = 0; i < *n; i++)
		if (list[i] == id)
			return false;
	if (*n == PROPOSAL_CHOICES)
		return false;
	list[(*n)++] = id;
	return true;
}

static bool add_encr(struct proposal *p, uint16_t id, uint16_t key_bits)
{
	for (uint8_t i = 0; i < p->n_encr; i++)
		if (p->encr[i] == id && p->encr_key_bits[i] == key_bits)
			return false;
	if (p->n_encr == PROPOSAL_CHOICES)
		return false;
	p->encr[p->n_encr] = id;
	p->encr_key_bits[p->n_encr++] = key_bits;
	return true;
}

static bool add_name(struct proposal *p, const struct suite_name *n)
{
	switch (n->type) {
	case IKE_TRANSFORM_ENCR:
		return add_encr(p, n->id, n->key_bits);
	case IKE_TRANSFORM_INTEG:
		return add_choice(p->integ, &p->n_integ, n->id);
	case IKE_TRANSFORM_PRF:
		return add_choice(p->prf, &p->n_prf, n->id);
	case IKE_TRANSFORM_DH:
		return add_choice(p->dh, &p->n_dh, n->id);
	default:
		return add_choice(p->esn, &p->n_esn, n->id);
	}
}

static enum status parse_words(struct proposal *p, const char *text, bool ike, const char **why)
{
	memset(p, 0, sizeof(*p));
	while (true) {
		size_t len = strcspn(text, "-");
		const struct suite_name *n;
		char word[WORD_MAX];

		snprintf(word, sizeof(word), "%.*s", (int)(len < WORD_MAX ? len : WORD_MAX - 1), text);
		n = len < WORD_MAX ? find_name(word) : NULL;
		if (!n)
			return refuse(why, "unknown algorithm", word);
		if (ike && (n->type == IKE_TRANSFORM_ESN || (n->type == IKE_TRANSFORM_DH && n->id == DH_NONE)))
			return refuse(why, "not for IKE:", word);
		if (!ike && n->type == IKE_TRANSFORM_PRF)
			return refuse(why, "not for ESP:", word);
		if (!add_name(p, n))
			return refuse(why, "twice or one too many:", word);
		if (text[len] == '\0')
			return OK;
		text += len + 1;
	}
}

/* The PRF with the same hash. */
static uint16_t prf_like(uint16_t integ)
{
	switch (integ) {
	case AUTH_HMAC_SHA1_96:
		return PRF_HMAC_SHA1;
	case AUTH_HMAC_SHA2_384_192:
		return PRF_HMAC_SHA2_384;
	case AUTH_HMAC_SHA2_512_256:
		return PRF_HMAC_SHA2_512;
	default:
		return PRF_HMAC_SHA2_256;
	}
}

/* All ciphers of one kind, and integrity exactly when they need it. */
static enum status check_encr(const struct proposal *p, const char *text, const char **why)
{
	bool aead;

	if (p->n_encr == 0)
		return refuse(why, "no encryption algorithm in", text);
	aead = encr_is_aead(p->encr[0]);
	for (uint8_t i = 1; i < p->n_encr; i++)
		if (encr_is_aead(p->encr[i]) != aead)
			return refuse(why, "AEAD and other ciphers need two proposals:", text);
	if (aead && p->n_integ > 0)
		return refuse(why, "no integrity algorithm goes with an AEAD:", text);
	if (!aead && p->n_integ == 0)
		return refuse(why, "no integrity algorithm in", text);
	return OK;
}

enum status proposal_parse_ike(struct proposal *p, const char *text, const char **why)
{
	enum status s = parse_words(p, text, true, why);

	if (s == OK)
		s = check_encr(p, text, why);
	if (s != OK)
		return s;
	if (p->n_prf == 0 && p->n_integ == 0)
		return refuse(why, "no prf in", text);
	for (uint8_t i = 0, given = p->n_prf; given == 0 && i < p->n_integ; i++)
		add_choice(p->prf, &p->n_prf, prf_like(p->integ[i]));
	if (p->n_dh == 0)
		return refuse(why, "no Diffie-Hellman group in", text);
	return OK;
}

enum status proposal_parse_esp(struct proposal *p, const char *text, const char **why)
{
	enum status s = parse_words(p, text, false, why);

	if (s == OK)
		s = check_encr(p, text, why);
	if (s != OK)
		return s;
	if (p->n_esn == 0)
		add_choice(p->esn, &p->n_esn, ESN_NO);
	return OK;
}

static bool has_choice(const uint16_t *list, uint8_t n, uint16_t id)
{
	for (uint8_t i = 0; i < n; i++)
		if (list[i] == id)
			return true;
	return false;
}

const char *proposal_weakness(const struct proposal *p)
{
	if (has_choice(p->integ, p->n_integ, AUTH_HMAC_SHA1_96))
		return "sha1";
	if (has_choice(p->prf, p->n_prf, PRF_HMAC_SHA1))
		return "prfsha1";
	return has_choice(p->dh, p->n_dh, DH_MODP_1024) ? "modp1024" : NULL;
}
