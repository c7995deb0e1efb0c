/* SPDX-License-Identifier: Apache-2.0 */
/* What reads and checks cluster.toml stands on: errors with their file and line, and where a key is. */
#include "node/config/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Errors ---- */

static void append(struct config_error **list, size_t *n, char *text)
{
	*list = realloc(*list, (*n + 1) * sizeof(**list));
	if (!*list)
		abort();
	(*list)[(*n)++].text = text;
}

static char *format_text(const char *format, va_list ap)
{
	char *text = NULL;

	if (vasprintf(&text, format, ap) < 0)
		abort();
	return text;
}

void config_errors_add(struct config_errors *e, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	append(&e->list, &e->n, format_text(format, ap));
	va_end(ap);
}

void reader_error(struct reader *r, int line, const char *format, ...)
{
	char *message;
	va_list ap;

	va_start(ap, format);
	message = format_text(format, ap);
	va_end(ap);
	config_errors_add(r->errors, "%s:%d: %s", r->c->file, line, message);
	free(message);
}

void reader_warning(struct reader *r, int line, const char *format, ...)
{
	struct config_errors *e = r->errors;
	char *message, *text = NULL;
	va_list ap;

	va_start(ap, format);
	message = format_text(format, ap);
	va_end(ap);
	if (asprintf(&text, "%s:%d: warning: %s", r->c->file, line, message) < 0)
		abort();
	append(&e->warning, &e->n_warnings, text);
	free(message);
}

void config_errors_print(const struct config_errors *e)
{
	for (size_t i = 0; i < e->n; i++)
		fprintf(stderr, "%s\n", e->list[i].text);
	for (size_t i = 0; i < e->n_warnings; i++)
		fprintf(stderr, "%s\n", e->warning[i].text);
}

void config_errors_fini(struct config_errors *e)
{
	for (size_t i = 0; i < e->n; i++)
		free(e->list[i].text);
	for (size_t i = 0; i < e->n_warnings; i++)
		free(e->warning[i].text);
	free(e->list);
	free(e->warning);
	memset(e, 0, sizeof(*e));
}

/* ---- Looking things up again ---- */

static const struct toml_value *find(const struct toml_value *table, const char *key)
{
	for (size_t i = 0; i < table->n; i++)
		if (strcmp(table->child[i].key, key) == 0)
			return &table->child[i];
	return NULL;
}

const struct toml_value *config_find_section(const struct toml_value *root, const char *section)
{
	return find(root, section);
}

const struct toml_value *config_find(const struct toml_value *root, const char *section, size_t i,
				     const char *key)
{
	const struct toml_value *v = find(root, section);

	if (v && v->type == TOML_ARRAY)
		v = i < v->n ? &v->child[i] : NULL;
	return v && v->type == TOML_TABLE ? find(v, key) : NULL;
}

int config_line(const struct reader *r, const char *section, size_t i, const char *key)
{
	const struct toml_value *v = config_find(r->root, section, i, key);

	if (!v)
		v = find(r->root, section);
	if (v && v->type == TOML_ARRAY && i < v->n && v->child[i].type == TOML_TABLE)
		v = &v->child[i];
	return v ? v->line : 1;
}

int config_item_line(const struct reader *r, const char *section, const char *key, size_t k)
{
	const struct toml_value *v = config_find(r->root, section, 0, key);

	return v && v->type == TOML_ARRAY && k < v->n ? v->child[k].line
						      : config_line(r, section, 0, key);
}
