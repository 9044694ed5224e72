/* registry/table.c - all agents in memory (registry/table.h). */
#include "registry/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

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
	t->bytes -= strlen(old->text);
	agent_free(old);
}

int table_put(struct table *t, struct agent *a, uint64_t now_boot_ns, uint64_t now_real_ns)
{
	struct agent **slot = slot_of(t, a->id), *old = *slot;
	size_t bytes = strlen(a->text);
	bool same = old && strcmp(old->text, a->text) == 0 && strcmp(old->said, a->said) == 0 && !old->stale;

	if (t->bytes - (old ? strlen(old->text) : 0) + bytes > TABLE_BYTES_MAX || (!old && t->n >= TABLE_AGENTS_MAX))
		return -ENOSPC;
	if (!old && !make_room(t))
		return -ENOMEM;
	a->updated_real_ns = old && same ? old->updated_real_ns : now_real_ns;
	a->created_real_ns = now_real_ns;
	a->seen_real_ns = now_real_ns;
	a->seen_boot_ns = now_boot_ns;
	a->dirty = true;
	t->bytes += bytes;
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
	t->bytes -= strlen(a->text);
	agent_free(a);
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

static const char *text(const cJSON *o, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(o, key)->valuestring;
}

/* Each tag that is wanted is there. */
static bool has_tags(const cJSON *wanted, const cJSON *have)
{
	const cJSON *w, *h;

	cJSON_ArrayForEach(w, wanted) {
		bool found = false;

		if (!cJSON_IsString(w))
			continue;
		cJSON_ArrayForEach(h, have) found = found || (cJSON_IsString(h) && strcmp(h->valuestring, w->valuestring) == 0);
		if (!found)
			return false;
	}
	return true;
}

static const cJSON *capability_for(const struct agent *a, const cJSON *request)
{
	const cJSON *c;

	cJSON_ArrayForEach(c, cJSON_GetObjectItemCaseSensitive(a->entry, "capabilities"))
		if (strcmp(text(c, "name"), text(request, "capability")) == 0 && agent_version_fits(text(c, "version"), text(request, "version")) &&
		    has_tags(cJSON_GetObjectItemCaseSensitive(request, "tags"), cJSON_GetObjectItemCaseSensitive(c, "tags")))
			return c;
	return NULL;
}

/* The provider with the smallest id, so that the answer does not depend on the order of registrations; never the asker itself. */
static const struct agent *provider(const struct table *t, const struct agent *asker, const cJSON *request, uint64_t now, const cJSON **ret)
{
	const char *space = text(request, "namespace");
	const struct agent *best = NULL;

	for (size_t i = 0; i < t->n; i++) {
		const struct agent *a = t->all[i];
		const cJSON *c;

		if (a == asker || agent_is_stale(a, now) || (space[0] && strcmp(a->namespace, space) != 0) ||
		    (best && strcmp(best->id, a->id) < 0) || strcmp(agent_status(a, now), "unhealthy") == 0 ||
		    strcmp(agent_status(a, now), "offline") == 0 || !(c = capability_for(a, request)))
			continue;
		best = a;
		*ret = c;
	}
	return best;
}

static void put_provider(struct buf *out, const struct agent *a, const cJSON *capability, uint64_t now)
{
	buf_text(out, "{\"agent_id\":");
	buf_string(out, a->id);
	buf_text(out, ",\"function_name\":");
	buf_string(out, text(capability, "function_name"));
	buf_text(out, ",\"endpoint\":");
	buf_string(out, text(a->entry, "endpoint"));
	buf_text(out, ",\"capability\":");
	buf_string(out, text(capability, "name"));
	buf_print(out, ",\"status\":\"%s\"}", strcmp(agent_status(a, now), "degraded") == 0 ? "degraded" : "available");
}

void table_resolve(struct table *t, struct agent *a, uint64_t now)
{
	struct buf out = { 0 };
	const cJSON *r;

	if (a->resolutions && a->resolved_topology == t->topology)
		return;
	a->resolved = 0;
	buf_text(&out, "[");
	cJSON_ArrayForEach(r, a->requests) {
		const cJSON *capability = NULL;
		const struct agent *p = provider(t, a, r, now, &capability);

		buf_text(&out, out.len > 1 ? ",{\"function_name\":" : "{\"function_name\":");
		buf_string(&out, text(r, "function_name"));
		buf_text(&out, ",\"capability\":");
		buf_string(&out, text(r, "capability"));
		buf_text(&out, p ? ",\"status\":\"available\",\"provider\":" : ",\"status\":\"unavailable\",\"provider\":null}");
		if (p) {
			put_provider(&out, p, capability, now);
			buf_text(&out, "}");
		}
		a->resolved += p != NULL;
	}
	buf_text(&out, "]");
	if (!buf_ok(&out)) {
		buf_free(&out);
		return;
	}
	free(a->resolutions);
	a->resolutions = out.text;
	a->resolved_topology = t->topology;
	a->resolved_hash = str_hash(STR_HASH_SEED, out.text, out.len);
}

void table_providers(struct table *t, const struct agent *a, uint64_t now, struct buf *out)
{
	const cJSON *r, *before = NULL;
	bool any = false;

	buf_text(out, "{");
	cJSON_ArrayForEach(r, a->requests) { /* requests of one function stand side by side */
		const cJSON *capability = NULL;
		const struct agent *p = provider(t, a, r, now, &capability);

		if (!before || strcmp(text(before, "function_name"), text(r, "function_name")) != 0) {
			buf_text(out, before ? "]," : "");
			buf_string(out, text(r, "function_name"));
			buf_text(out, ":[");
			any = false;
		}
		if (p) {
			buf_text(out, any ? "," : "");
			put_provider(out, p, capability, now);
			any = true;
		}
		before = r;
	}
	buf_text(out, before ? "]}" : "}");
}
