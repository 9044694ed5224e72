/* cli/listjson.c - the document of "tend list --json" (cli/list.h): keys as in the reference. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/json.h"
#include "cli/list.h"
#include "cli/out.h"
#include "config/spec.h"

static cJSON *uptime_text(const struct view *v, const struct view_row *r)
{
	uint64_t ns = view_uptime_ns(v, r);
	double s = (double)ns / 1e9;
	char text[40];

	if (!ns)
		return cJSON_CreateString("unknown");
	if (s < 60)
		snprintf(text, sizeof(text), "%.1fs", s);
	else if (s < 3600)
		snprintf(text, sizeof(text), "%.1fm", s / 60);
	else
		snprintf(text, sizeof(text), "%.1fh", s / 3600);
	return cJSON_CreateString(text);
}

/* A list of an entry, or an empty one. */
static cJSON *list_of(const cJSON *entry, const char *key)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(entry, key);

	return cJSON_IsArray(list) ? cJSON_Duplicate(list, 1) : cJSON_CreateArray();
}

/* An agent that only the registry knows: as in the reference by its id, and without file and folder. */
static bool add_foreign(cJSON *doc, const cJSON *entry)
{
	const char *endpoint = listed_text(entry, "endpoint"), *seen = listed_text(entry, "last_seen");
	cJSON *o = cJSON_AddObjectToObject(doc, listed_text(entry, "id"));

	return o && json_add(o, "name", json_text(listed_text(entry, "name"))) && json_add(o, "status", json_text("registered")) &&
		json_add(o, "registered", cJSON_CreateBool(1)) && json_add(o, "health", json_text(listed_health(entry))) &&
		json_add(o, "capabilities", list_of(entry, "capabilities")) && json_add(o, "dependencies", list_of(entry, "dependencies")) &&
		json_add(o, "endpoint", json_text(endpoint[0] ? endpoint : NULL)) && json_add(o, "last_seen", json_text(seen[0] ? seen : NULL)) &&
		json_add(o, "uptime", json_text("unknown")) && json_add(o, "pid", cJSON_CreateNull()) &&
		json_add(o, "process_status", json_text("unknown")) && json_add(o, "service_type", json_text("agent"));
}

/* Keys as in the reference; what only a registry could tell is empty where none told it. */
static bool add_row(cJSON *doc, const struct home *h, const struct view *v, const struct view_row *r)
{
	const char *endpoint = listed_has(r) && r->row.health.registry_endpoint[0] ? r->row.health.registry_endpoint : NULL;
	const char *name = r->row.ident.name;
	bool up = view_is_up(r), known, ok;
	cJSON *o = cJSON_AddObjectToObject(doc, name);
	char file[NAME_MAX_BYTES + 8];
	const cJSON *entry = listed_entry(v->listed, r);
	struct spec s = { 0 };

	if (!o)
		return false;
	spec_file_name(name, file);
	known = h->specs_fd >= 0 && spec_load(h->specs_fd, file, &s, NULL) == 0;
	ok = json_add(o, "name", json_text(name)) &&
		json_add(o, "status", json_text(list_status(r))) &&
		json_add(o, "registered", cJSON_CreateBool(listed_has(r))) &&
		json_add(o, "health", json_text(pt_health_label(r->row.health.verdict))) &&
		json_add(o, "capabilities", list_of(entry, "capabilities")) &&
		json_add(o, "dependencies", list_of(entry, "dependencies")) &&
		json_add(o, "endpoint", json_text(endpoint)) &&
		json_add(o, "last_seen", json_time(r->row.health.last_seen_real_ns)) &&
		json_add(o, "uptime", uptime_text(v, r)) &&
		json_add(o, "pid", up && r->row.life.pid > 0 ? cJSON_CreateNumber(r->row.life.pid) : cJSON_CreateNull()) &&
		json_add(o, "process_status", json_text(up ? "running" : "stopped")) &&
		json_add(o, "agent_file", json_text(known ? s.file : NULL)) &&
		json_add(o, "working_directory", json_text(known ? s.cwd : NULL)) &&
		json_add(o, "group", json_text(known && s.group[0] ? s.group : NULL)) && json_add(o, "service_type", json_text(pt_service_label(r->row.ident.service)));
	if (known)
		spec_done(&s);
	return ok;
}

int listjson_print(const struct list *l, const struct view *v, const struct home *h)
{
	const struct listed *listed = v->listed;
	cJSON *doc = cJSON_CreateObject();
	bool ok = doc != NULL;

	for (size_t i = 0; ok && i < v->n; i++)
		if (list_wants(l, &v->row[i]))
			ok = add_row(doc, h, v, &v->row[i]);
	for (size_t i = 0; ok && i < listed->n; i++)
		if (list_wants_foreign(l, &listed->agent[i]))
			ok = add_foreign(doc, listed->agent[i].entry);
	if (ok)
		return json_print(doc);
	cJSON_Delete(doc);
	return out_fail("out of memory");
}
