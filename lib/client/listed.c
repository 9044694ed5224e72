/* client/listed.c - the registry's last answer (client/listed.h). */
#include "client/listed.h"

#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/str.h"

#define LISTED_BYTES_MAX (64u * 1024 * 1024)
#define ELLIPSIS	 "\xe2\x80\xa6"

static int by_id(const void *a, const void *b)
{
	const struct listed_agent *x = a, *y = b;

	return strcmp(x->id, y->id);
}

static struct listed_agent *find(const struct listed *l, const char *id)
{
	const struct listed_agent key = { .id = id };

	return l->n ? bsearch(&key, l->agent, l->n, sizeof(key), by_id) : NULL;
}

static cJSON *read_agents(const struct home *h)
{
	char *text = NULL;
	cJSON *doc = NULL, *agents;

	if (io_read_file(h->run_fd, HOME_AGENTS_FILE, LISTED_BYTES_MAX, &text, NULL) == 0)
		doc = cJSON_Parse(text);
	free(text);
	agents = cJSON_DetachItemFromObjectCaseSensitive(doc, "agents");
	cJSON_Delete(doc);
	return agents;
}

void listed_load(const struct home *h, const struct view *v, struct listed *ret)
{
	const cJSON *entry;

	*ret = (struct listed){ .n = 0 };
	if (v->monitor.registry_state != PT_REGISTRY_REACHABLE || h->run_fd < 0)
		return;
	ret->agents = read_agents(h);
	ret->agent = calloc((size_t)cJSON_GetArraySize(ret->agents) + 1, sizeof(*ret->agent));
	if (!ret->agent)
		return;
	cJSON_ArrayForEach(entry, ret->agents) if (listed_text(entry, "id")[0])
		ret->agent[ret->n++] = (struct listed_agent){ .entry = entry,
		.id = listed_text(entry, "id") };
	/* of its last run, or under a name that can't be in a document twice */
	for (size_t i = 0; i < ret->n; i++)
		ret->agent[i].ours = view_find(v, ret->agent[i].id) != NULL;
	qsort(ret->agent, ret->n, sizeof(*ret->agent), by_id);
	for (size_t i = 0; i < v->n; i++) {
		struct listed_agent *a = listed_has(&v->row[i])
			? find(ret, v->row[i].row.health.registry_id)
			: NULL;

		if (a)
			a->ours = true;
	}
}

void listed_done(struct listed *l)
{
	cJSON_Delete(l->agents);
	free(l->agent);
	*l = (struct listed){ .n = 0 };
}

const char *listed_text(const cJSON *entry, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(entry, key);

	return cJSON_IsString(item) ? item->valuestring : "";
}

bool listed_has(const struct view_row *r)
{
	return view_is_up(r) && r->row.health.listing == PT_LISTING_LISTED;
}

const char *listed_word(const struct view_row *r)
{
	if (r->row.ident.service != PT_SERVICE_AGENT || !view_is_up(r))
		return view_word(r);
	return listed_has(r) ? "registered" : "running_unregistered";
}

const cJSON *listed_entry(const struct listed *l, const struct view_row *r)
{
	const struct listed_agent *a = l && listed_has(r) ? find(l, r->row.health.registry_id)
							  : NULL;

	return a ? a->entry : NULL;
}

const char *listed_health(const cJSON *entry)
{
	if (strcmp(listed_text(entry, "status"), "degraded") == 0)
		return "degraded";
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(entry, "alive")) ? "healthy"
									      : "unhealthy";
}

/* As registered: a name, or an object that has one. */
static const char *name_of(const cJSON *capability)
{
	const char *name = cJSON_IsString(capability) ? capability->valuestring
						      : listed_text(capability, "name");

	return name[0] ? name : listed_text(capability, "capability");
}

const char *listed_capabilities(const cJSON *entry, char *buf, size_t size)
{
	const cJSON *item;
	size_t len = 0;

	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(entry, "capabilities"))
	{
		char shown[256];
		size_t bytes = str_visible(shown, sizeof(shown), name_of(item));

		if (!bytes)
			continue;
		if (len + bytes + sizeof(", " ELLIPSIS) > size) {
			memcpy(buf + len, ELLIPSIS, sizeof(ELLIPSIS));
			return buf;
		}
		len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? ", " : "", shown);
	}
	if (!len)
		(void)str_copy(buf, size, "-");
	return buf;
}
