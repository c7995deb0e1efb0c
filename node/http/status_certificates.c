/* SPDX-License-Identifier: Apache-2.0 */
#include "node/http/status_certificates.h"

#include "node/config/expiry.h"

#include <inttypes.h>
#include <time.h>

typedef void take(void *ctx, const char *connection, const struct expiry *e);

/* The node's own belongs to no connection. */
static void each(const struct status_view *v, take *one, void *ctx)
{
	const struct ike_config *ike = &core_policy(v->core)->ike;
	int64_t now = time(NULL);

	if (v->link) {
		struct expiry own = { .kind = EXPIRY_CERT, .left_s = link_certificate_expires_in(v->link, now) };

		snprintf(own.name, sizeof(own.name), "link");
		one(ctx, "", &own);
	}
	for (size_t i = 0; i < ike->n_connections; i++) {
		struct expiry first[EXPIRY_KINDS];
		unsigned there = expiry_first(&ike->connections[i], now, first);

		for (unsigned k = 0; k < EXPIRY_KINDS; k++)
			if (there & 1u << k)
				one(ctx, ike->connections[i].name, &first[k]);
	}
}

static void take_json(void *ctx, const char *connection, const struct expiry *e)
{
	json_array_append_new(ctx, json_pack("{s:s, s:s, s:s, s:I}", "connection", connection, "key",
					     expiry_key(e->kind), "name", e->name, "expires_in_s",
					     (json_int_t)e->left_s));
}

json_t *status_certificates(const struct status_view *v)
{
	json_t *list = json_array();

	each(v, take_json, list);
	return list;
}

/* A label's value: https://prometheus.io/docs/instrumenting/exposition_formats/ */
static void put_label(FILE *f, const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', f);
		fputc(*text, f);
	}
}

static void take_metric(void *ctx, const char *connection, const struct expiry *e)
{
	FILE *f = ctx;

	fputs("baton_certificate_expires_seconds{connection=\"", f);
	put_label(f, connection);
	fprintf(f, "\",key=\"%s\"} %" PRId64 "\n", expiry_key(e->kind), e->left_s);
}

void status_certificates_metrics(FILE *f, const struct status_view *v)
{
	fputs("# TYPE baton_certificate_expires_seconds gauge\n", f);
	each(v, take_metric, f);
}
