/* cli/listed.c - the registry's last answer (cli/listed.h). */
#include "cli/listed.h"

#include <stdlib.h>
#include <string.h>

#include "base/io.h"

#define LISTED_BYTES_MAX (64u * 1024 * 1024)

cJSON *listed_load(const struct home *h, const struct view *v)
{
	char *text = NULL;
	cJSON *doc = NULL, *agents;

	if (v->monitor.registry_state != PT_REGISTRY_REACHABLE || h->run_fd < 0)
		return NULL;
	if (io_read_file(h->run_fd, "agents.json", LISTED_BYTES_MAX, &text, NULL) == 0)
		doc = cJSON_Parse(text);
	free(text);
	agents = cJSON_DetachItemFromObjectCaseSensitive(doc, "agents");
	cJSON_Delete(doc);
	return agents;
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

const cJSON *listed_entry(const cJSON *listed, const struct view_row *r)
{
	const cJSON *entry;

	if (listed_has(r))
		cJSON_ArrayForEach(entry, listed)
			if (strcmp(listed_text(entry, "id"), r->row.health.registry_id) == 0)
				return entry;
	return NULL;
}

bool listed_is_foreign(const cJSON *entry, const struct view *v)
{
	const char *id = listed_text(entry, "id");

	for (size_t i = 0; i < v->n; i++)
		if (listed_has(&v->row[i]) && strcmp(v->row[i].row.health.registry_id, id) == 0)
			return false;
	return id[0] != 0;
}

const char *listed_health(const cJSON *entry)
{
	if (strcmp(listed_text(entry, "status"), "degraded") == 0)
		return "degraded";
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(entry, "alive")) ? "healthy" : "unhealthy";
}
