/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that a client may offer has a name here, even what we do not speak: the log line is
 * about just that. A number without a name (IANA, "IKEv2 Parameters") is shown as a number. */
#include "proto/ike/offer_text.h"

#include "proto/ike/sa_payload.h"
#include "proto/crypto/suite_names.h"

#include <stdio.h>
#include <string.h>

/* Beside suite_names: what we know by name only. */
static const struct suite_name others[] = {
	{"3des", IKE_TRANSFORM_ENCR, 3, 0},
	{"null", IKE_TRANSFORM_ENCR, 11, 0},
	{"aes192", IKE_TRANSFORM_ENCR, ENCR_AES_CBC, 192},
	{"aes192gcm16", IKE_TRANSFORM_ENCR, ENCR_AES_GCM_16, 192},
	{"aes192ctr", IKE_TRANSFORM_ENCR, 13, 192},
	{"aes128ccm16", IKE_TRANSFORM_ENCR, 16, 128},
	{"aes256ccm16", IKE_TRANSFORM_ENCR, 16, 256},
	{"aes128gcm8", IKE_TRANSFORM_ENCR, 18, 128},
	{"aes256gcm8", IKE_TRANSFORM_ENCR, 18, 256},
	{"aes128gcm12", IKE_TRANSFORM_ENCR, 19, 128},
	{"aes256gcm12", IKE_TRANSFORM_ENCR, 19, 256},
	{"camellia128", IKE_TRANSFORM_ENCR, 23, 128},
	{"camellia256", IKE_TRANSFORM_ENCR, 23, 256},
	{"md5", IKE_TRANSFORM_INTEG, 1, 0},
	{"aesxcbc", IKE_TRANSFORM_INTEG, 5, 0},
	{"aescmac", IKE_TRANSFORM_INTEG, 8, 0},
	{"prfmd5", IKE_TRANSFORM_PRF, 1, 0},
	{"prfaesxcbc", IKE_TRANSFORM_PRF, 4, 0},
	{"prfaescmac", IKE_TRANSFORM_PRF, 8, 0},
	{"modp768", IKE_TRANSFORM_DH, 1, 0},
	{"modp1536", IKE_TRANSFORM_DH, 5, 0},
	{"modp6144", IKE_TRANSFORM_DH, 17, 0},
	{"modp8192", IKE_TRANSFORM_DH, 18, 0},
	{"x448", IKE_TRANSFORM_DH, 32, 0},
	{NULL, 0, 0, 0},
};

struct writer {
	char *text;
	size_t at, room;
	unsigned proposal; /* The one that is being written; 0: none yet. */
	bool full;
};

static void write_text(struct writer *w, const char *separator, const char *word)
{
	size_t n = strlen(separator) + strlen(word);

	if (w->full || w->at + n + 4 > w->room) { /* Room for "..." stays. */
		if (!w->full && w->room >= 4)
			strcpy(w->text + w->at, "...");
		w->full = true;
		return;
	}
	w->at += (size_t)snprintf(w->text + w->at, w->room - w->at, "%s%s", separator, word);
}

static const char *name_in(const struct suite_name *n, uint8_t type, uint16_t id, uint16_t key_bits)
{
	for (; n->text; n++)
		if (n->type == type && n->id == id && n->key_bits == key_bits)
			return n->text;
	return NULL;
}

static void write_transform(struct writer *w, unsigned proposal, uint8_t type, uint16_t id,
			    uint16_t key_bits)
{
	const char *name = name_in(suite_names, type, id, key_bits);
	char number[40];

	if (type == IKE_TRANSFORM_INTEG && id == AUTH_NONE)
		return; /* Goes without saying. */
	if (!name)
		name = name_in(others, type, id, key_bits);
	if (!name) {
		static const char *const kind[] = { "type", "encr", "prf", "integ", "dh", "esn" };

		snprintf(number, sizeof(number), key_bits ? "%s(%u/%u)" : "%s(%u)", kind[type <= 5 ? type : 0],
			 type <= 5 ? id : type, key_bits);
		name = number;
	}
	write_text(w, w->proposal == 0 ? "" : w->proposal != proposal ? ", " : "-", name);
	w->proposal = proposal;
}

static void on_transform(void *ctx, uint8_t number, uint8_t type, uint16_t id, uint16_t key_bits)
{
	write_transform(ctx, number + 1u, type, id, key_bits);
}

const char *offer_format(const CBS *sa, char *text, size_t room)
{
	struct writer w = { .text = text, .room = room };

	text[0] = '\0';
	sa_walk(sa, on_transform, &w);
	return text;
}

static void write_list(struct writer *w, unsigned proposal, uint8_t type, const uint16_t *id, uint8_t n)
{
	for (uint8_t i = 0; i < n; i++)
		write_transform(w, proposal, type, id[i], 0);
}

const char *proposals_format(const struct proposal *p, size_t n, char *text, size_t room)
{
	struct writer w = { .text = text, .at = strlen(text), .room = room };

	if (w.at > 0)
		w.proposal = (unsigned)n + 1; /* Another one's, before these. */
	for (unsigned k = 1; k <= n; k++, p++) {
		for (uint8_t i = 0; i < p->n_encr; i++)
			write_transform(&w, k, IKE_TRANSFORM_ENCR, p->encr[i], p->encr_key_bits[i]);
		write_list(&w, k, IKE_TRANSFORM_INTEG, p->integ, p->n_integ);
		write_list(&w, k, IKE_TRANSFORM_PRF, p->prf, p->n_prf);
		write_list(&w, k, IKE_TRANSFORM_DH, p->dh, p->n_dh);
		write_list(&w, k, IKE_TRANSFORM_ESN, p->esn, p->n_esn);
	}
	return text;
}

const char *refusal_format(const CBS *sa, const struct proposal *p, size_t n, char text[REFUSAL_TEXT_LEN])
{
	char ours[REFUSAL_TEXT_LEN / 2 - 16] = "", offered[REFUSAL_TEXT_LEN / 2 - 16];

	snprintf(text, REFUSAL_TEXT_LEN, "offers %s; accepted would be %s",
		 offer_format(sa, offered, sizeof(offered)),
		 proposals_format(p, n, ours, sizeof(ours)));
	return text;
}
