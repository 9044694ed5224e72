/* registry/table.c - all agents in memory (registry/table.h). */
#include "registry/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static const char *text(const cJSON *o, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(o, key)->valuestring;
}

static struct agent **slot_of(const struct table *t, const char *id)
{
	uint64_t h = str_hash(STR_HASH_SEED, id, strlen(id));
	struct agent *const *at = &t->bucket[h % TABLE_BUCKETS];

	while (*at && strcmp((*at)->id, id) != 0)
		at = &(*at)->next;
	return (struct agent **)(uintptr_t)at;
}

void table_done(struct table *t)
{
	for (size_t i = 0; i < t->n; i++)
		agent_free(t->all[i]);
	free(t->all);
	memset(t, 0, sizeof(*t));
}

struct agent *table_find(const struct table *t, const char *id)
{
	return *slot_of(t, id);
}

static bool make_room(struct table *t)
{
	size_t cap = t->cap ? t->cap * 2 : 64;
	struct agent **bigger;

	if (t->n < t->cap)
		return true;
	bigger = realloc(t->all, cap * sizeof(*bigger));
	if (!bigger)
		return false;
	t->all = bigger;
	t->cap = cap;
	return true;
}

/* ---- who provides what */

static struct offer **offers_of(struct table *t, const char *name)
{
	return &t->offer[str_hash(STR_HASH_SEED, name, strlen(name)) % TABLE_BUCKETS];
}

/* Room for its capabilities in the index. False: no memory. */
static bool list_offers(struct agent *a)
{
	const cJSON *caps = cJSON_GetObjectItemCaseSensitive(a->entry, "capabilities"), *c;

	a->offers = calloc((size_t)cJSON_GetArraySize(caps) + 1, sizeof(*a->offers));
	if (!a->offers)
		return false;
	a->n_offers = 0;
	cJSON_ArrayForEach(c, caps)
		a->offers[a->n_offers++] = (struct offer){ .agent = a, .capability = c };
	return true;
}

static void put_offers(struct table *t, struct agent *a)
{
	for (size_t i = 0; i < a->n_offers; i++) {
		struct offer *o = &a->offers[i], **at = offers_of(t, text(o->capability, "name"));

		o->next = *at;
		o->at = at;
		if (*at)
			(*at)->at = &o->next;
		*at = o;
	}
}

/* All that the table counts and finds of it. */
static void forget(struct table *t, struct agent *a)
{
	for (size_t i = 0; i < a->n_offers; i++) {
		struct offer *o = &a->offers[i];

		*o->at = o->next;
		if (o->next)
			o->next->at = o->at;
	}
	t->bytes -= a->bytes;
	t->values -= a->values;
	t->resolutions -= a->resolutions ? strlen(a->resolutions) : 0;
	agent_free(a);
}

static void replace(struct table *t, struct agent **slot, struct agent *a)
{
	struct agent *old = *slot;
	size_t i = 0;

	while (t->all[i] != old)
		i++;
	t->all[i] = a;
	a->next = old->next;
	*slot = a;
	a->created_real_ns = old->created_real_ns;
	forget(t, old);
}

static bool has_room(const struct table *t, const struct agent *a, const struct agent *old)
{
	return t->bytes - (old ? old->bytes : 0) + a->bytes <= TABLE_BYTES_MAX &&
		t->values - (old ? old->values : 0) + a->values <= TABLE_VALUES_MAX &&
		(old || t->n < TABLE_AGENTS_MAX);
}

int table_put(struct table *t, struct agent *a, uint64_t now_boot_ns, uint64_t now_real_ns)
{
	struct agent **slot = slot_of(t, a->id), *old = *slot;
	bool same = old && agent_same(old, a) && !old->stale;

	if (!has_room(t, a, old))
		return -ENOSPC;
	if ((!old && !make_room(t)) || !list_offers(a))
		return -ENOMEM;
	a->updated_real_ns = old && same ? old->updated_real_ns : now_real_ns;
	a->created_real_ns = now_real_ns;
	a->seen_real_ns = now_real_ns;
	a->seen_boot_ns = now_boot_ns;
	a->dirty = true;
	t->bytes += a->bytes;
	t->values += a->values;
	put_offers(t, a);
	if (old) {
		replace(t, slot, a);
	} else {
		*slot = a;
		t->all[t->n++] = a;
	}
	t->topology += !same;
	t->changes += !same;
	return 0;
}

void table_beat(struct table *t, struct agent *a, uint64_t now_boot_ns, uint64_t now_real_ns)
{
	bool was = a->stale || a->left;

	a->seen_boot_ns = now_boot_ns;
	a->seen_real_ns = now_real_ns;
	a->left = a->stale = false;
	a->dirty = true;
	t->topology += was;
	t->changes += was;
}

void table_leave(struct table *t, struct agent *a, uint64_t now_boot_ns)
{
	if (a->left)
		return;
	(void)now_boot_ns;
	a->left = a->stale = a->dirty = true;
	t->topology++;
	t->changes++;
}

static void take_out(struct table *t, size_t i)
{
	struct agent *a = t->all[i], **slot = slot_of(t, a->id);

	*slot = a->next;
	t->all[i] = t->all[--t->n];
	forget(t, a);
}

size_t table_age(struct table *t, uint64_t now_boot_ns, table_gone_fn *gone, void *arg)
{
	size_t became = 0;

	for (size_t i = 0; i < t->n;) {
		struct agent *a = t->all[i];

		if (gone && agent_is_over(a, &t->rules, now_boot_ns)) {
			gone(arg, a);
			take_out(t, i);
			t->topology++;
			t->changes++;
			continue;
		}
		if (!a->stale && agent_is_stale(a, now_boot_ns)) {
			a->stale = a->dirty = true;
			t->topology++;
			t->changes++;
			became++;
		}
		i++;
	}
	return became;
}

/* ---- dependencies */

/* May this be done? It is taken off the work of the request. */
static bool spend(struct table *t, size_t work)
{
	t->work -= work < t->work ? work : t->work;
	return t->work > 0;
}

/* Each tag that is wanted is there. */
static bool has_tags(struct table *t, const cJSON *wanted, const cJSON *have)
{
	const cJSON *w, *h;

	cJSON_ArrayForEach(w, wanted)
	{
		bool found = false;

		if (!cJSON_IsString(w))
			continue;
		cJSON_ArrayForEach(h, have)
		{
			found = found ||
				(cJSON_IsString(h) && strcmp(h->valuestring, w->valuestring) == 0);
			(void)spend(t, 1);
		}
		if (!found)
			return false;
	}
	return true;
}

static bool fits(struct table *t, const cJSON *capability, const cJSON *request)
{
	const char *version = text(request, "version");

	return strcmp(text(capability, "name"), text(request, "capability")) == 0 &&
		spend(t, 1 + strlen(version) / 8) &&
		agent_version_fits(text(capability, "version"), version) &&
		has_tags(t, cJSON_GetObjectItemCaseSensitive(request, "tags"),
			cJSON_GetObjectItemCaseSensitive(capability, "tags"));
}

static bool serves(const struct agent *a, uint64_t now)
{
	const char *status = agent_status(a, now);

	return strcmp(status, "unhealthy") != 0 && strcmp(status, "offline") != 0;
}

/* Of two capabilities of one agent the one that it names first. */
static bool is_before(const struct offer *o, const struct offer *best)
{
	int r = best ? strcmp(o->agent->id, best->agent->id) : -1;

	return r < 0 || (r == 0 && o < best);
}

/* The provider with the smallest id, so that the answer does not depend on the order of
 * registrations; never the asker itself. */
static const struct offer *provider(
	struct table *t, const struct agent *asker, const cJSON *request, uint64_t now)
{
	const char *space = text(request, "namespace");
	const struct offer *best = NULL;

	for (const struct offer *o = *offers_of(t, text(request, "capability")); o && spend(t, 1);
		o = o->next) {
		const struct agent *a = o->agent;

		if (a != asker && is_before(o, best) &&
			(!space[0] || strcmp(a->namespace, space) == 0) && serves(a, now) &&
			fits(t, o->capability, request))
			best = o;
	}
	return best;
}

static void put_provider(struct json_out *o, const char *key, const struct agent *a,
	const cJSON *capability, uint64_t now)
{
	json_open(o, key, '{');
	json_text(o, "agent_id", a->id);
	json_text(o, "function_name", text(capability, "function_name"));
	json_text(o, "endpoint", text(a->entry, "endpoint"));
	json_text(o, "capability", text(capability, "name"));
	json_text(o, "status",
		strcmp(agent_status(a, now), "degraded") == 0 ? "degraded" : "available");
	json_close(o);
}

/* One request's line. */
static bool put_resolution(
	struct table *t, const struct agent *a, const cJSON *r, uint64_t now, struct json_out *o)
{
	const struct offer *p = provider(t, a, r, now);

	json_open(o, NULL, '{');
	json_text(o, "function_name", text(r, "function_name"));
	json_text(o, "capability", text(r, "capability"));
	json_text(o, "status", p ? "available" : "unresolved");
	if (p) { /* meshctl shows the tool and the endpoint */
		json_text(o, "mcp_tool", text(p->capability, "function_name"));
		json_text(o, "provider_agent_id", p->agent->id);
		json_text(o, "endpoint", text(p->agent->entry, "endpoint"));
		put_provider(o, "provider", p->agent, p->capability, now);
	} else {
		json_null(o, "provider");
	}
	json_close(o);
	return p != NULL;
}

void table_resolve(struct table *t, struct agent *a, uint64_t now, bool keep)
{
	size_t before = a->resolutions ? strlen(a->resolutions) : 0;
	struct json_out o = JSON_ANSWER(TABLE_ANSWERS_MAX + 1 - (t->resolutions - before));
	unsigned resolved = 0;
	char *written;
	const cJSON *r;

	if (a->resolutions && a->resolved_topology == t->topology)
		return;
	json_open(&o, NULL, '[');
	cJSON_ArrayForEach(r, a->requests) resolved += put_resolution(t, a, r, now, &o);
	json_close(&o);
	written = keep && t->work == 0 ? NULL : json_take(&o);
	json_free(&o);
	if (!written)
		return;
	free(a->resolutions);
	a->resolutions = written;
	a->resolved = resolved;
	a->resolved_topology = t->topology;
	a->resolved_hash = str_hash(STR_HASH_SEED, a->resolutions, strlen(a->resolutions));
	t->resolutions += strlen(a->resolutions) - before;
}

void table_providers(
	struct table *t, const struct agent *a, uint64_t now, struct json_out *o, const char *key)
{
	const cJSON *r, *before = NULL;

	json_open(o, key, '{');
	cJSON_ArrayForEach(r, a->requests)
	{ /* requests of one function stand side by side */
		const struct offer *p = provider(t, a, r, now);
		const char *function = text(r, "function_name");

		if (!before || strcmp(text(before, "function_name"), function) != 0) {
			if (before)
				json_close(o);
			json_open(o, function, '[');
		}
		if (p)
			put_provider(o, NULL, p->agent, p->capability, now);
		before = r;
	}
	if (before)
		json_close(o);
	json_close(o);
}
