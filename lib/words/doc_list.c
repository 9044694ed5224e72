/* words/doc_list.c - the document of "tend list --json" (words/doc.h): keys as in the reference.
 * What only a registry could tell is empty where none told it. */
#include "client/listed.h"
#include "words/doc.h"
#include "words/doc_member.h"

/* An agent that only the registry knows: as in the reference by its id, and without file and
 * folder. */
static void write_other(struct json_out *o, const cJSON *entry)
{
	const struct doc_subject s = { .entry = entry };

	json_open(o, listed_text(entry, "id"), '{');
	json_text(o, "name", listed_text(entry, "name"));
	json_text(o, "status", "registered");
	json_bool(o, "registered", true);
	json_text(o, "health", listed_health(entry));
	member_capabilities(o, "capabilities", &s);
	member_dependencies(o, "dependencies", &s);
	doc_text_or_null(o, "endpoint", listed_text(entry, "endpoint"));
	doc_text_or_null(o, "last_seen", listed_text(entry, "last_seen"));
	json_text(o, "uptime", "unknown");
	json_null(o, "pid");
	json_text(o, "process_status", "unknown");
	json_text(o, "service_type", "agent");
	json_close(o);
}

static void write_row(struct json_out *o, const struct doc_list *l, const struct view_row *r)
{
	static const struct doc_member members[] = {
		{ "name", member_name },
		{ "status", member_list_status },
		{ "registered", member_is_listed },
		{ "health", member_health },
		{ "capabilities", member_capabilities },
		{ "dependencies", member_dependencies },
		{ "endpoint", member_endpoint },
		{ "last_seen", member_last_seen },
		{ "uptime", member_uptime_text },
		{ "pid", member_pid },
		{ "process_status", member_running },
		{ "agent_file", member_file },
		{ "working_directory", member_cwd },
		{ "group", member_group },
		{ "service_type", member_service },
		{ 0 },
	};
	struct spec spec;
	const struct doc_subject s = { .v = l->v,
		.r = r,
		.entry = listed_entry(l->v->listed, r),
		.spec = doc_spec(l->home, r->row.ident.name, &spec) };

	json_open(o, r->row.ident.name, '{');
	doc_members(o, members, &s);
	json_close(o);
	if (s.spec)
		spec_done(&spec);
}

void doc_list(struct json_out *o, const struct doc_list *l)
{
	json_open(o, NULL, '{');
	for (size_t i = 0; i < l->n; i++)
		write_row(o, l, l->rows[i]);
	for (size_t i = 0; i < l->n_others; i++)
		write_other(o, l->others[i]);
	json_close(o);
}
