/* monitor/regjson.c - see monitor/regjson.h. */
#include "monitor/regjson.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/moment.h"
#include "base/str.h"
#include "json/bounds.h"
#include "json/document.h"
#include "json/tree.h"

#define SHOWN_BYTES    (48u << 20)
#define KEYS_PER_ENTRY 4u
/* As many as 8 MB of the longest list have; parsed they take some 60 MB. */
#define VALUES_MAX 400000u
/* from here on what was parsed is given back to the system, and not kept for the next answer */
#define TRIM_BYTES (16u << 10)

/* --- one entry --- */

static const char *text_of(const cJSON *o, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, key);

	return cJSON_IsString(item) ? item->valuestring : "";
}

static uint64_t time_of(const cJSON *o, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, key);
	uint64_t ns = 0;

	if (cJSON_IsString(item) && moment_rfc3339(item->valuestring, &ns))
		ns = 1; /* a time that is none: as old as can be */
	if (cJSON_IsNumber(item) && item->valuedouble > 0 && item->valuedouble < 1.6e10)
		ns = (uint64_t)(item->valuedouble * 1e9);
	return ns;
}

static uint16_t count_of(const cJSON *o, const char *key, const char *number_key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, key);
	double n = 0;

	if (cJSON_IsArray(item))
		n = cJSON_GetArraySize(item);
	else if (cJSON_IsNumber(item) ||
		(number_key &&
			cJSON_IsNumber(item = cJSON_GetObjectItemCaseSensitive(o, number_key))))
		n = item->valuedouble;
	if (!(n > 0))
		return 0;
	return n < UINT16_MAX ? (uint16_t)n : UINT16_MAX;
}

static bool read_entry(const cJSON *o, struct reg_entry *e)
{
	memset(e, 0, sizeof(*e));
	if (!cJSON_IsObject(o))
		return false;
	str_visible(e->name, sizeof(e->name), text_of(o, "name"));
	str_visible(
		e->id, sizeof(e->id), text_of(o, cJSON_HasObjectItem(o, "id") ? "id" : "agent_id"));
	if (!e->name[0] && !e->id[0])
		return false;
	str_visible(e->endpoint, sizeof(e->endpoint), text_of(o, "endpoint"));
	str_visible(e->status, sizeof(e->status), text_of(o, "status"));
	e->seen_real_ns = time_of(o, "last_seen");
	if (!e->seen_real_ns)
		e->seen_real_ns = time_of(o, "last_heartbeat");
	e->capabilities = count_of(o, "capabilities", NULL);
	e->dependencies = count_of(o, "dependencies", "total_dependencies");
	e->dependencies_resolved = count_of(o, "dependencies_resolved", NULL);
	return true;
}

bool reg_is_alive(const struct reg_entry *e, uint64_t now)
{
	if (strcmp(e->status, "active") != 0 && strcmp(e->status, "healthy") != 0)
		return false;
	return !e->seen_real_ns || e->seen_real_ns > now ||
		now - e->seen_real_ns < REGJSON_ALIVE_NS;
}

/* --- by which names it is found --- */

/* Without "-12345678" at its end; 8 hexadecimal digits count too. */
static size_t without_suffix(const char *s, size_t len)
{
	if (len < 10 || s[len - 9] != '-')
		return len;
	for (size_t i = len - 8; i < len; i++)
		if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f')))
			return len;
	return len - 9;
}

static size_t normalise(const char *s, size_t len, char buf[static 80])
{
	size_t n = 0;

	for (size_t i = 0; i < len && n < 79; i++) {
		char c = s[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			buf[n++] = c;
		else if (n > 0 && buf[n - 1] != '-')
			buf[n++] = '-';
	}
	while (n > 0 && buf[n - 1] == '-')
		n--;
	buf[n] = 0;
	return n;
}

static uint64_t hash_of(const char *s, size_t len)
{
	char norm[80];
	size_t n = normalise(s, len, norm);

	return str_hash(STR_HASH_SEED, norm, n);
}

static int by_hash(const void *a, const void *b)
{
	const struct reg_key *x = a, *y = b;

	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static int make_keys(struct reg_list *l)
{
	l->key = calloc(l->n * KEYS_PER_ENTRY + 1, sizeof(*l->key));
	if (!l->key)
		return -ENOMEM;
	for (size_t i = 0; i < l->n; i++) {
		const char *texts[] = { l->entry[i].name, l->entry[i].id };

		for (unsigned t = 0; t < 2; t++) {
			size_t len = strlen(texts[t]), bare = without_suffix(texts[t], len);

			if (!len)
				continue;
			l->key[l->keys++] = (struct reg_key){ hash_of(texts[t], len), (uint32_t)i };
			if (bare != len)
				l->key[l->keys++] = (struct reg_key){ hash_of(texts[t], bare),
					(uint32_t)i };
		}
	}
	qsort(l->key, l->keys, sizeof(*l->key), by_hash);
	return 0;
}

static bool is_exact(const char *text, const char *name)
{
	size_t len = strlen(text), want = strlen(name);

	return (want == len || want == without_suffix(text, len)) && memcmp(text, name, want) == 0;
}

static bool is_normalised(const char *text, const char *name)
{
	char a[80], b[80], c[80];
	size_t len = strlen(text);

	normalise(name, strlen(name), a);
	normalise(text, len, b);
	normalise(text, without_suffix(text, len), c);
	return a[0] && (strcmp(a, b) == 0 || strcmp(a, c) == 0);
}

static unsigned closeness(const struct reg_entry *e, const char *name)
{
	if (is_exact(e->name, name) || is_exact(e->id, name))
		return 2;
	return is_normalised(e->name, name) || is_normalised(e->id, name);
}

const struct reg_entry *reglist_find(const struct reg_list *l, const char *name)
{
	uint64_t hash = hash_of(name, strlen(name));
	const struct reg_entry *best = NULL;
	unsigned best_close = 0;
	size_t low = 0, high = l->keys;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (l->key[middle].hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < l->keys && l->key[low].hash == hash; low++) {
		const struct reg_entry *e = &l->entry[l->key[low].entry];
		unsigned close = closeness(e, name);

		if (close > best_close ||
			(close && close == best_close && e->seen_real_ns > best->seen_real_ns)) {
			best = e;
			best_close = close;
		}
	}
	return best;
}

/* --- what the CLI shows of it --- */

/* A list as it is, or an empty one. */
static void write_list(struct json_out *o, const char *key, const cJSON *list)
{
	if (cJSON_IsArray(list)) {
		json_tree(o, key, list);
		return;
	}
	json_open(o, key, '[');
	json_close(o);
}

/* A name, or an object that has one, of each. */
static void write_names(struct json_out *o, const char *key, const cJSON *list)
{
	const cJSON *item;

	json_open(o, key, '[');
	if (cJSON_IsArray(list))
		cJSON_ArrayForEach(item, list)
		{
			const char *name = cJSON_IsString(item) ? item->valuestring
								: text_of(item, "name");

			if (!name[0])
				name = text_of(item, "capability");
			if (name[0])
				json_text(o, NULL, name);
		}
	json_close(o);
}

static void show_entry(
	struct json_out *o, const cJSON *from, const struct reg_entry *e, uint64_t now)
{
	const char *seen = text_of(from, "last_seen");

	json_open(o, NULL, '{');
	json_text(o, "id", e->id);
	json_text(o, "name", e->name);
	json_text(o, "status", e->status);
	json_bool(o, "alive", reg_is_alive(e, now));
	json_text(o, "endpoint", e->endpoint);
	json_text(o, "last_seen", seen[0] ? seen : text_of(from, "last_heartbeat"));
	json_text(o, "agent_type", text_of(from, "agent_type"));
	json_text(o, "version", text_of(from, "version"));
	write_list(o, "capabilities", cJSON_GetObjectItemCaseSensitive(from, "capabilities"));
	write_names(o, "dependencies", cJSON_GetObjectItemCaseSensitive(from, "dependencies"));
	json_close(o);
}

/* --- the whole answer --- */

static int read_entries(const cJSON *agents, uint64_t now, struct reg_list *l, struct fault *f)
{
	struct json_out shown = { .one_line = true, .max = SHOWN_BYTES };
	const cJSON *item;
	int n = cJSON_GetArraySize(agents);

	if ((unsigned)n > REGJSON_ENTRIES_MAX)
		return fault_set(f, -EFBIG, "the registry's answer lists %d agents, more than %u",
			n, REGJSON_ENTRIES_MAX);
	l->entry = calloc((size_t)n + 1, sizeof(*l->entry));
	if (!l->entry)
		return fault_set(f, -ENOMEM, "no memory for the registry's %d agents", n);
	json_open(&shown, NULL, '[');
	cJSON_ArrayForEach(item, agents)
	{
		if (!read_entry(item, &l->entry[l->n]))
			continue; /* no object, or nameless: nobody's */
		show_entry(&shown, item, &l->entry[l->n], now);
		l->n++;
	}
	json_close(&shown);
	l->shown = json_take(&shown);
	if (!l->shown)
		return fault_set(f, -EFBIG, "the registry's answer needs too much memory");
	return make_keys(l);
}

static int read_document(const cJSON *doc, uint64_t now, struct reg_list *l, struct fault *f)
{
	const cJSON *agents = cJSON_GetObjectItemCaseSensitive(doc, "agents");

	/* null: how today's registry writes an empty list */
	if (!cJSON_IsArray(agents) && !cJSON_IsNull(agents))
		return fault_set(f, -EINVAL, "the registry's answer has no list \"agents\"");
	return read_entries(agents, now, l, f);
}

static int parse(const char *text, size_t len, cJSON **ret, struct fault *f)
{
	const struct json_bounds bounds = { .values = VALUES_MAX };
	const char *end = NULL;
	size_t at;
	int r = json_look_over(text, len, &bounds, &at);

	if (r == 0)
		r = document_parse(text, len, &end, ret);
	if (r == -EFBIG || r == -ENOMEM)
		return fault_set(f, -EFBIG, "the registry's answer needs too much memory");
	if (r < 0)
		return fault_set(
			f, r, "the registry's answer is not JSON (byte %td)", end ? end - text : 0);
	for (; end < text + len; end++)
		if (*end && !strchr(" \t\r\n", *end))
			return fault_set(f, -EINVAL,
				"the registry's answer goes on behind its JSON (byte %td)",
				end - text);
	return 0;
}

int regjson_parse(
	const char *text, size_t len, uint64_t now_real_ns, struct reg_list *ret, struct fault *f)
{
	struct reg_list l = { 0 };
	cJSON *doc = NULL;
	int r = parse(text, len, &doc, f);

	if (r == 0)
		r = read_document(doc, now_real_ns, &l, f);
	cJSON_Delete(doc);
	if (len >= TRIM_BYTES)
		(void)malloc_trim(0);
	if (r < 0) {
		reglist_done(&l);
		return r;
	}
	*ret = l;
	return 0;
}

void reglist_done(struct reg_list *l)
{
	free(l->entry);
	free(l->key);
	free(l->shown);
	memset(l, 0, sizeof(*l));
}
