/* SPDX-License-Identifier: Apache-2.0 */
/* Commands as octets:
 *
 *   length (3) | level (1) | type (1) | fields
 *
 * length counts what follows it, so that a batch is commands put end to end. A level above one's
 * own, or a type that this program does not know, is ERR_UNSUPPORTED, not damage: the node then
 * ends and waits for an upgrade; it never skips a command (DESIGN section 7). Fields are listed
 * once, see record.h. */
#include "cluster/state/command.h"

#include "cluster/level.h"
#include "cluster/state/record.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void codec_room(struct codec *c, struct room *r)
{
	codec_u32(c, &r->sessions);
	codec_u32(c, &r->places);
}

static void codec_session_put(struct codec *c, struct session_put *p)
{
	codec_session(c, &p->ike);
	codec_u32(c, &p->slot);
	codec_u64(c, &p->lease);
	codec_rare(c, &p->horizon);
	codec_count(c, &p->n_supersedes, COMMAND_SUPERSEDES_MAX);
	for (uint32_t i = 0; i < p->n_supersedes; i++)
		codec_u64(c, &p->supersedes[i]);
	codec_u64(c, &p->takes_from);
	codec_room(c, &p->room);
	codec_u32(c, &p->identity_max);
}

static void codec_session_step(struct codec *c, struct session_step *p)
{
	codec_u64(c, &p->session);
	codec_u64(c, &p->serial);
	codec_session(c, &p->ike);
	codec_u64(c, &p->lease);
	codec_rare(c, &p->horizon);
	codec_bool(c, &p->noticed);
	codec_bool(c, &p->acknowledged);
	codec_i64(c, &p->epoch);
	codec_room(c, &p->room);
}

static void codec_session_del(struct codec *c, struct session_del *p)
{
	codec_u64(c, &p->session);
	codec_u64(c, &p->serial);
	codec_octets(c, p->request_hash, sizeof(p->request_hash));
	codec_datagrams(c, &p->final_response, COMMAND_FINAL_RESPONSE_MAX);
	codec_bool(c, &p->lost);
}

static void codec_seq_row(struct codec *c, struct seq_row *r)
{
	codec_u32(c, &r->spi_in);
	codec_i64(c, &r->epoch);
	codec_u64(c, &r->end);
	codec_u64(c, &r->mark);
	codec_rare(c, &r->horizon);
	codec_volume(c, &r->volume);
}

static void codec_seq_batch(struct codec *c, struct seq_batch *p)
{
	codec_count(c, &p->n, SEQ_ROWS_MAX);
	if (codec_reads(c)) {
		p->rows = p->n > 0 ? calloc(p->n, sizeof(*p->rows)) : NULL;
		assert(p->rows || p->n == 0);
	}
	for (uint32_t i = 0; i < p->n; i++)
		codec_seq_row(c, &p->rows[i]);
}

static void codec_node_up(struct codec *c, struct node_up *p)
{
	codec_u64(c, &p->id);
	codec_text(c, p->name, sizeof(p->name));
	codec_u64(c, &p->incarnation);
	codec_u64(c, &p->config_hash);
	codec_u64(c, &p->policy_hash);
	codec_u8(c, &p->level);
	codec_prefixes(c, &p->routes);
	codec_check(c, p->id != 0 && p->level >= LEVEL_FIRST);
}

static void codec_node_down(struct codec *c, struct node_down *p)
{
	codec_u64(c, &p->id);
	codec_u64(c, &p->incarnation);
	codec_u64(c, &p->successor);
	codec_rare(c, &p->config_hash);
}

static void codec_owner_move(struct codec *c, struct owner_move *p)
{
	codec_u64(c, &p->session);
	codec_i64(c, &p->epoch);
	codec_u64(c, &p->to);
	codec_count(c, &p->n, IKE_CHILD_MAX);
	for (uint32_t i = 0; i < p->n; i++)
		codec_seq_row(c, &p->rows[i]);
}

static void codec_cluster_time(struct codec *c, struct cluster_time *p)
{
	codec_u64(c, &p->delta_ms);
	codec_u64(c, &p->unix_s);
	codec_u8(c, &p->level);
	codec_count(c, &p->n, COMMAND_NODES_MAX);
	for (uint32_t i = 0; i < p->n; i++) {
		codec_u64(c, &p->stored[i].id);
		codec_u64(c, &p->stored[i].stored_index);
	}
}

static void codec_sessions_end(struct codec *c, struct sessions_end *p)
{
	codec_u64(c, &p->ticket);
	codec_u8(c, &p->reason);
	codec_check(c, p->reason >= END_ASKED && p->reason <= END_REPLACED);
	codec_count(c, &p->n, SESSIONS_END_MAX);
	for (uint32_t i = 0; i < p->n; i++)
		codec_u64(c, &p->session[i]);
}

static void codec_identity(struct codec *c, struct identity_command *p)
{
	codec_u64(c, &p->ticket);
	codec_u8(c, &p->verdict);
	codec_check(c, p->verdict >= IDENTITY_END && p->verdict <= IDENTITY_ALLOW);
	codec_id(c, &p->id);
	codec_check(c, p->id.len > 0);
}

static void codec_accounting(struct codec *c, struct accounting_command *p)
{
	codec_u8(c, &p->verdict);
	codec_check(c, p->verdict >= ACCOUNTING_DONE && p->verdict <= ACCOUNTING_INTERIM);
	codec_count(c, &p->n, ACCOUNTING_IDS_MAX);
	for (uint32_t i = 0; i < p->n; i++)
		codec_u64(c, &p->id[i]);
}

static void codec_coa_command(struct codec *c, struct coa_command *p)
{
	codec_octets(c, p->hash, sizeof(p->hash));
	codec_u16(c, &p->error);
	codec_u32(c, &p->timeout_s);
	codec_count(c, &p->n, SESSIONS_END_MAX);
	for (uint32_t i = 0; i < p->n; i++)
		codec_u64(c, &p->session[i]);
}

/* False: an unknown type. */
static bool codec_command(struct codec *c, struct command *cmd)
{
	switch (cmd->type) {
	case COMMAND_SESSION_PUT:
		codec_session_put(c, &cmd->session_put);
		return true;
	case COMMAND_SESSION_STEP:
		codec_session_step(c, &cmd->session_step);
		return true;
	case COMMAND_SESSION_DEL:
		codec_session_del(c, &cmd->session_del);
		return true;
	case COMMAND_SEQ_BATCH:
		codec_seq_batch(c, &cmd->seq_batch);
		return true;
	case COMMAND_NODE_UP:
		codec_node_up(c, &cmd->node_up);
		return true;
	case COMMAND_NODE_DOWN:
		codec_node_down(c, &cmd->node_down);
		return true;
	case COMMAND_OWNER_MOVE:
		codec_owner_move(c, &cmd->owner_move);
		return true;
	case COMMAND_ADDRESS_HOLD:
		codec_u64(c, &cmd->address_hold.node);
		codec_u64(c, &cmd->address_hold.incarnation);
		codec_bool(c, &cmd->address_hold.slots);
		return true;
	case COMMAND_CLUSTER_TIME:
		codec_cluster_time(c, &cmd->cluster_time);
		return true;
	case COMMAND_NODE_GONE:
		codec_u64(c, &cmd->node_gone.id);
		codec_rare(c, &cmd->node_gone.config_hash);
		return true;
	case COMMAND_SESSIONS_END:
		codec_sessions_end(c, &cmd->sessions_end);
		return true;
	case COMMAND_IDENTITY:
		codec_identity(c, &cmd->identity);
		return true;
	case COMMAND_ACCOUNTING:
		codec_accounting(c, &cmd->accounting);
		return true;
	case COMMAND_COA:
		codec_coa_command(c, &cmd->coa);
		return true;
	}
	return false;
}

void command_fini(struct command *c)
{
	switch (c->type) {
	case COMMAND_SESSION_PUT:
		ike_session_fini(&c->session_put.ike);
		break;
	case COMMAND_SESSION_STEP:
		ike_session_fini(&c->session_step.ike);
		break;
	case COMMAND_SESSION_DEL:
		ike_datagrams_unref(c->session_del.final_response);
		break;
	case COMMAND_SEQ_BATCH:
		free(c->seq_batch.rows);
		break;
	default:
		break;
	}
	memset(c, 0, sizeof(*c)); /* Keys are in sessions alone, which cleanse them. */
}

/* The octets of a finished CBB as a blob; what the CBB held is cleansed. */
static struct blob *blob_of(CBB *cbb, const struct codec *codec)
{
	struct blob *b = NULL;

	/* A record that does not fit its own limits was made wrongly, by us. */
	assert(!codec->bad && CBB_flush(cbb));
	b = blob_new(CBB_data(cbb), CBB_len(cbb));
	CBB_cleanup(cbb);
	return b;
}

struct blob *command_encode(const struct command *c, uint8_t level)
{
	CBB whole, body;
	struct codec codec = {.out = &body, .level = level};
	bool known, begun;

	begun = CBB_init(&whole, 512) && CBB_add_u24_length_prefixed(&whole, &body) &&
		CBB_add_u8(&body, level) && CBB_add_u8(&body, (uint8_t)c->type);
	assert(begun && level >= LEVEL_FIRST);
	/* Writing only reads the record. */
	known = codec_command(&codec, (struct command *)c);
	assert(known);
	return blob_of(&whole, &codec);
}

/* Can a program that reads all levels up to `own` read it? */
static bool level_readable(uint8_t level, uint8_t own)
{
	return level >= LEVEL_FIRST && level <= own;
}

enum status command_decode(struct command *c, const uint8_t **data, size_t *len, uint8_t own)
{
	CBS whole, body;
	struct codec codec = {.in = &body};
	uint8_t type;

	memset(c, 0, sizeof(*c));
	CBS_init(&whole, *data, *len);
	if (!CBS_get_u24_length_prefixed(&whole, &body) || !CBS_get_u8(&body, &codec.level))
		return ERR_MALFORMED;
	if (!level_readable(codec.level, own))
		return ERR_UNSUPPORTED;
	if (!CBS_get_u8(&body, &type))
		return ERR_MALFORMED;
	c->type = type;
	if (!codec_command(&codec, c)) {
		memset(c, 0, sizeof(*c));
		return ERR_UNSUPPORTED;
	}
	if (codec.bad || CBS_len(&body) != 0) {
		command_fini(c);
		return ERR_MALFORMED;
	}
	*data = CBS_data(&whole);
	*len = CBS_len(&whole);
	return OK;
}

/* ---- Half-open SAs ---- */

struct blob *half_open_encode(const struct ike_half_open *h, uint8_t level)
{
	CBB whole;
	struct codec codec = {.out = &whole, .level = level};
	bool begun = CBB_init(&whole, 1024) && CBB_add_u8(&whole, level);

	assert(begun && level >= LEVEL_FIRST);
	codec_half_open(&codec, (struct ike_half_open *)h);
	return blob_of(&whole, &codec);
}

enum status half_open_decode(struct ike_half_open *h, const uint8_t *data, size_t len, uint8_t own)
{
	CBS whole;
	struct codec codec = {.in = &whole};

	memset(h, 0, sizeof(*h));
	CBS_init(&whole, data, len);
	if (!CBS_get_u8(&whole, &codec.level))
		return ERR_MALFORMED;
	if (!level_readable(codec.level, own))
		return ERR_UNSUPPORTED;
	codec_half_open(&codec, h);
	if (codec.bad || CBS_len(&whole) != 0) {
		ike_half_open_fini(h);
		return ERR_MALFORMED;
	}
	return OK;
}
