/* words/doc_process.c - a process as status shows it (words/doc.h). */
#include "words/doc.h"
#include "words/doc_member.h"

void doc_process(struct json_out *o, const struct view *v, const struct view_row *r)
{
	static const struct doc_member members[] = {
		{ "name", member_name },
		{ "state", member_state },
		{ "status", member_word },
		{ "service_type", member_service },
		{ "pid", member_pid },
		{ "uptime", member_uptime_s },
		{ "restarts", member_restarts },
		{ "health_check", member_health },
		{ "cpu_percent", member_cpu },
		{ "memory_bytes", member_memory },
		{ "start_time", member_start_time },
		{ "last_seen", member_last_seen },
		{ "exit_code", member_exit_code },
		{ "exit_signal", member_exit_signal },
		{ "core_dumped", member_core_dumped },
		{ "reason", member_reason },
		{ "next_at", member_next_at },
		{ "log_blocked", member_log_blocked },
		{ "log_error", member_log_error },
		{ "restart_policy", member_policy },
		{ "command", member_command },
		{ 0 },
	};
	const struct doc_subject s = { .v = v, .r = r };

	json_open(o, NULL, '{');
	doc_members(o, members, &s);
	json_close(o);
}
