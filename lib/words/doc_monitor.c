/* words/doc_monitor.c - the document of "tend monitor --json" (words/doc.h). */
#include "words/doc.h"
#include "words/doc_member.h"

/* What only --verbose shows: the Go port's further keys, and the samples. */
static void write_more(struct json_out *o, struct doc_subject *s, const struct home *home)
{
	static const struct doc_member members[] = {
		{ "service_type", member_service },
		{ "type", member_service },
		{ "state", member_state },
		{ "uptime", member_uptime_ns },
		{ "working_dir", member_cwd },
		{ "file_path", member_file },
		{ "registry_url", member_registry_url },
		{ "auto_restart", member_auto_restart },
		{ "consecutive_fails", member_failures },
		{ "health_error", member_health_error },
		{ "last_restart", member_last_restart },
		{ "cpu_percent", member_cpu_last },
		{ "memory_bytes", member_memory_last },
		{ 0 },
	};
	struct spec spec;

	s->spec = doc_spec(home, s->r->row.ident.name, &spec);
	doc_members(o, members, s);
	if (s->spec)
		spec_done(&spec);
}

void doc_monitor(struct json_out *o, const struct view *v, struct view_row *const *rows, size_t n,
	const struct home *home)
{
	static const struct doc_member members[] = {
		{ "pid", member_pid_or_zero },
		{ "name", member_name },
		{ "command", member_command },
		{ "start_time", member_start_time },
		{ "status", member_word },
		{ "health_check", member_health },
		{ "last_seen", member_last_seen },
		{ "restarts", member_restarts },
		{ 0 },
	};

	json_open(o, NULL, '{');
	for (size_t i = 0; i < n; i++) {
		struct doc_subject s = { .v = v, .r = rows[i] };

		json_open(o, rows[i]->row.ident.name, '{');
		doc_members(o, members, &s);
		if (home)
			write_more(o, &s, home);
		json_close(o);
	}
	json_close(o);
}
