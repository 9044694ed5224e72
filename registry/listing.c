/* registry/listing.c - GET /agents and GET /capabilities (registry/api.h). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/str.h"
#include "registry/api.h"

/* A list is refreshed for heartbeats alone once in this time; whoever asks conditionally is told
 * "not modified" in between. */
#define BEAT_STEP_NS (15 * NS_PER_SEC)
#define FILTER_MAX   1000u /* bytes of one */

struct filter {
	const char *status, *namespace, *name, *type, *capability, *version, *tags, *labels,
		*category, *stability;
	bool fuzzy, any, too_long;
	size_t cost;	   /* of looking at one capability, in comparisons */
	size_t label_cost; /* of looking at one label */
	size_t *work;	   /* what may still be done */
};

static const char *param(const struct request *q, const char *key, struct filter *f)
{
	const char *value = q->query ? q->query(q->query_arg, key) : NULL;

	if (!value || !value[0])
		return NULL;
	f->any = true;
	f->too_long = f->too_long || strlen(value) > FILTER_MAX;
	return value;
}

static size_t pieces(const char *list)
{
	size_t n = list != NULL;

	for (; list && *list; list++)
		n += *list == ',';
	return n;
}

static struct filter read_filter(struct api *api, const struct request *q)
{
	struct filter f = { .work = &api->table.work };
	const char *fuzzy = q->query ? q->query(q->query_arg, "fuzzy_match") : NULL;

	f.status = param(q, "status", &f);
	f.namespace = param(q, "namespace", &f);
	f.name = param(q, "name", &f);
	f.type = param(q, "agent_type", &f);
	f.capability = param(q, "capability", &f);
	if (!f.capability)
		f.capability = param(q, "capabilities", &f);
	f.version = param(q, "version_constraint", &f);
	f.tags = param(q, "capability_tags", &f);
	f.category = param(q, "capability_category", &f);
	f.stability = param(q, "capability_stability", &f);
	f.labels = param(q, "label_selector", &f);
	f.fuzzy = fuzzy && (strcasecmp(fuzzy, "true") == 0 || strcmp(fuzzy, "1") == 0);
	f.cost = 1 + pieces(f.capability) + pieces(f.tags) * AGENT_TAGS_MAX / 4 +
		(f.version ? strlen(f.version) / 8 : 0);
	f.label_cost = pieces(f.labels);
	return f;
}

/* Take it off the work of this request. Nothing passes any more when that is done. */
static bool spend(const struct filter *f, size_t cost)
{
	*f->work -= cost < *f->work ? cost : *f->work;
	return *f->work > 0;
}

/* True: answered. */
static bool refused(const struct filter *f, struct reply *r)
{
	if (f->too_long)
		api_detail(r, 400, "a filter is longer than 1000 bytes");
	else if (f->any && *f->work == 0)
		api_detail(r, 503, "the search takes too long; ask for less");
	else
		return false;
	return true;
}

/* Call fn for each piece of a list that is parted by commas; false as soon as one fails. */
static bool each(const char *list, bool (*fn)(const char *piece, size_t len, const void *arg),
	const void *arg)
{
	while (*list) {
		size_t len = strcspn(list, ",");

		if (len && !fn(list, len, arg))
			return false;
		list += len + (list[len] == ',');
	}
	return true;
}

static bool has_tag(const char *piece, size_t len, const void *capability)
{
	const cJSON *tag;

	cJSON_ArrayForEach(tag,
		cJSON_GetObjectItemCaseSensitive((const cJSON *)capability,
			"tags")) if (cJSON_IsString(tag) && strlen(tag->valuestring) == len &&
		strncmp(tag->valuestring, piece, len) == 0) return true;
	return false;
}

/* key=value, or key alone: that there is such a label. */
static bool has_label(const char *piece, size_t len, const void *labels)
{
	const char *equals = memchr(piece, '=', len);
	size_t key = equals ? (size_t)(equals - piece) : len;
	const cJSON *label;

	cJSON_ArrayForEach(label, (const cJSON *)labels)
	{
		if (!label->string || strlen(label->string) != key ||
			strncmp(label->string, piece, key) != 0)
			continue;
		if (!equals ||
			(cJSON_IsString(label) && strlen(label->valuestring) == len - key - 1 &&
				strncmp(label->valuestring, equals + 1, len - key - 1) == 0))
			return true;
	}
	return false;
}

static bool same_word(const cJSON *o, const char *key, const char *word)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, key);

	return cJSON_IsString(item) && strcmp(item->valuestring, word) == 0;
}

/* Is one of the names of the list (parted by commas) this capability's? */
static bool is_named(const struct filter *f, const char *name)
{
	const char *list = f->capability;

	while (*list) {
		size_t len = strcspn(list, ",");
		char piece[256];

		if (len > 0 && len < sizeof(piece)) {
			memcpy(piece, list, len);
			piece[len] = 0;
			if (f->fuzzy ? strcasestr(name, piece) != NULL : strcmp(name, piece) == 0)
				return true;
		}
		list += len + (list[len] == ',');
	}
	return false;
}

static bool capability_passes(const struct filter *f, const cJSON *c)
{
	return spend(f, f->cost) &&
		(!f->capability ||
			is_named(f, cJSON_GetObjectItemCaseSensitive(c, "name")->valuestring)) &&
		(!f->version ||
			agent_version_fits(
				cJSON_GetObjectItemCaseSensitive(c, "version")->valuestring,
				f->version)) &&
		(!f->tags || each(f->tags, has_tag, c)) &&
		(!f->category || same_word(c, "category", f->category)) &&
		(!f->stability || same_word(c, "stability", f->stability));
}

static bool has_labels(const struct filter *f, const cJSON *labels)
{
	return spend(f, 1 + f->label_cost * (size_t)cJSON_GetArraySize(labels)) &&
		each(f->labels, has_label, labels);
}

static bool agent_passes(const struct filter *f, const struct agent *a, uint64_t now)
{
	return (!f->status || strcmp(agent_status(a, now), f->status) == 0) &&
		(!f->namespace || strcmp(a->namespace, f->namespace) == 0) &&
		(!f->name ||
			(f->fuzzy ? strcasestr(a->name, f->name) != NULL
				  : strcmp(a->name, f->name) == 0)) &&
		(!f->type || strcmp(a->type, f->type) == 0) &&
		(!f->labels || has_labels(f, cJSON_GetObjectItemCaseSensitive(a->entry, "labels")));
}

static bool some_capability_passes(const struct filter *f, const struct agent *a)
{
	const cJSON *c;

	if (!f->capability && !f->version && !f->tags && !f->category && !f->stability)
		return true;
	cJSON_ArrayForEach(c,
		cJSON_GetObjectItemCaseSensitive(
			a->entry, "capabilities")) if (capability_passes(f, c)) return true;
	return false;
}

static void put_agent(struct api *api, struct agent *a, struct json_out *o)
{
	const char *resolutions;
	char version[24];

	table_resolve(&api->table, a, api->now_boot_ns, true);
	resolutions = a->resolutions ? a->resolutions : "[]";
	snprintf(version, sizeof(version), "%llu",
		(unsigned long long)(a->updated_real_ns / NS_PER_MS));
	json_open(o, NULL, '{');
	json_raw(o, NULL, a->text, strlen(a->text));
	json_text(o, "status", agent_status(a, api->now_boot_ns));
	json_time(o, "created_at", a->created_real_ns);
	json_time(o, "updated_at", a->updated_real_ns);
	json_time(o, "last_seen", a->seen_real_ns);
	json_time(o, "last_heartbeat", a->seen_real_ns);
	json_text(o, "resource_version", version);
	json_u64(o, "dependencies_resolved", a->resolved);
	json_raw(o, "dependency_resolutions", resolutions, strlen(resolutions));
	json_close(o);
}

static int by_name(const void *a, const void *b)
{
	const struct agent *x = *(struct agent *const *)a, *y = *(struct agent *const *)b;
	int r = strcmp(x->name, y->name);

	return r ? r : strcmp(x->id, y->id);
}

static void end_list(struct json_out *o, size_t n, uint64_t real_ns)
{
	json_close(o);
	json_u64(o, "count", n);
	json_time(o, "timestamp", real_ns);
	json_close(o);
}

static void put_list(struct api *api, const struct filter *f, struct reply *r)
{
	struct json_out *out = &r->body;
	struct agent **list = calloc(api->table.n + 1, sizeof(*list));
	size_t n = 0;

	if (!list) {
		out->error = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < api->table.n; i++)
		if (agent_passes(f, api->table.all[i], api->now_boot_ns) &&
			some_capability_passes(f, api->table.all[i]))
			list[n++] = api->table.all[i];
	if (refused(f, r)) {
		free(list);
		return;
	}
	qsort(list, n, sizeof(*list), by_name);
	json_open(out, NULL, '{');
	json_open(out, "agents", '[');
	for (size_t i = 0; i < n; i++)
		put_agent(api, list[i], out);
	free(list);
	end_list(out, n, api->now_real_ns);
}

/* A weak tag: equal ones mean the same agents in the same states, and signs of life that are at
 * most BEAT_STEP_NS apart. */
static void make_etag(const struct api *api, char etag[static 64])
{
	snprintf(etag, 64, "W/\"%llx-%llx-%llx\"", (unsigned long long)api->started_real_ns,
		(unsigned long long)api->table.changes,
		(unsigned long long)(api->beat_real_ns / BEAT_STEP_NS));
}

void api_agents(struct api *api, const struct request *q, struct reply *r)
{
	struct filter f = read_filter(api, q);

	table_age(&api->table, api->now_boot_ns, NULL, NULL);
	if (refused(&f, r))
		return;
	if (!f.any) {
		make_etag(api, r->etag);
		if (q->if_none_match &&
			(strcmp(q->if_none_match, "*") == 0 || strstr(q->if_none_match, r->etag))) {
			r->status = 304;
			return;
		}
	}
	r->status = 200;
	put_list(api, &f, r);
}

static bool put_capability(
	const struct api *api, const struct agent *a, const cJSON *c, struct json_out *o)
{
	char *text = cJSON_PrintUnformatted(c);

	if (!text)
		return false;
	json_open(o, NULL, '{');
	json_raw(o, NULL, text + 1, strlen(text) - 2); /* its members; a name is among them */
	cJSON_free(text);
	json_text(o, "agent_id", a->id);
	json_text(o, "agent_name", a->name);
	json_text(o, "agent_namespace", a->namespace);
	json_text(o, "agent_status", agent_status(a, api->now_boot_ns));
	json_text(o, "agent_endpoint",
		cJSON_GetObjectItemCaseSensitive(a->entry, "endpoint")->valuestring);
	json_close(o);
	return true;
}

static size_t put_capabilities(const struct api *api, const struct filter *f, struct json_out *out)
{
	size_t n = 0;

	for (size_t i = 0; i < api->table.n && !out->error; i++) {
		const struct agent *a = api->table.all[i];
		const cJSON *c;

		if (!agent_passes(f, a, api->now_boot_ns))
			continue;
		cJSON_ArrayForEach(c,
			cJSON_GetObjectItemCaseSensitive(
				a->entry, "capabilities")) if (capability_passes(f, c))
			n += put_capability(api, a, c, out);
	}
	return n;
}

void api_capabilities(struct api *api, const struct request *q, struct reply *r)
{
	struct filter f = read_filter(api, q);
	size_t n;

	if (!f.capability) { /* here "name" is the capability's */
		f.capability = f.name;
		f.cost += pieces(f.name);
	}
	f.name = NULL;
	if (refused(&f, r))
		return;
	r->status = 200;
	json_open(&r->body, NULL, '{');
	json_open(&r->body, "capabilities", '[');
	n = put_capabilities(api, &f, &r->body);
	if (!refused(&f, r))
		end_list(&r->body, n, api->now_real_ns);
}
