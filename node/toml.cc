// SPDX-License-Identifier: Apache-2.0
// toml++ behind node/toml.h. No exception leaves this file.
#include "node/toml.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

static void convert(const toml::node &node, toml_value &v);

static void convert_table(const toml::table &table, toml_value &v)
{
	std::vector<std::pair<std::string_view, const toml::node *>> order;

	v.type = TOML_TABLE;
	for (auto &&[key, child] : table)
		order.emplace_back(key.str(), &child);
	std::sort(order.begin(), order.end(), [](auto &a, auto &b) {
		return a.second->source().begin < b.second->source().begin;
	});
	v.n = order.size();
	v.child = static_cast<toml_value *>(std::calloc(v.n ? v.n : 1, sizeof(toml_value)));
	for (size_t i = 0; i < v.n; i++) {
		convert(*order[i].second, v.child[i]);
		v.child[i].key = strndup(order[i].first.data(), order[i].first.size());
	}
}

static void convert(const toml::node &node, toml_value &v)
{
	v.line = static_cast<int>(node.source().begin.line);
	v.type = TOML_OTHER;
	if (auto *s = node.as_string()) {
		v.type = TOML_STRING;
		v.string = strndup(s->get().data(), s->get().size());
	} else if (auto *i = node.as_integer()) {
		v.type = TOML_INTEGER;
		v.integer = i->get();
	} else if (auto *b = node.as_boolean()) {
		v.type = TOML_BOOLEAN;
		v.boolean = b->get();
	} else if (auto *t = node.as_table()) {
		convert_table(*t, v);
	} else if (auto *a = node.as_array()) {
		v.type = TOML_ARRAY;
		v.n = a->size();
		v.child = static_cast<toml_value *>(std::calloc(v.n ? v.n : 1, sizeof(toml_value)));
		for (size_t k = 0; k < v.n; k++)
			convert((*a)[k], v.child[k]);
	}
}

extern "C" struct toml_value *toml_load(const char *path, char *error, size_t error_size)
{
	try {
		toml::table table = toml::parse_file(path);
		auto *v = static_cast<toml_value *>(std::calloc(1, sizeof(toml_value)));

		convert_table(table, *v);
		return v;
	} catch (const toml::parse_error &e) {
		auto line = static_cast<int>(e.source().begin.line);
		std::string_view what = e.description();

		if (line > 0)
			std::snprintf(error, error_size, "%d: %.*s", line, static_cast<int>(what.size()),
				      what.data());
		else
			std::snprintf(error, error_size, "%.*s", static_cast<int>(what.size()),
				      what.data());
	} catch (const std::exception &e) {
		std::snprintf(error, error_size, "%s", e.what());
	}
	return nullptr;
}

static void fini(toml_value &v)
{
	for (size_t i = 0; i < v.n; i++)
		fini(v.child[i]);
	std::free(v.child);
	std::free(v.key);
	std::free(v.string);
}

extern "C" void toml_free(struct toml_value *v)
{
	if (!v)
		return;
	fini(*v);
	std::free(v);
}
