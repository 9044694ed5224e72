/* words/doc_process.c - a process as status shows it, and events (words/doc.h). */
#include <string.h>
#include <sys/wait.h>

#include "words/doc.h"
#include "words/doc_member.h"
#include "words/story.h"

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

static const char *label(const struct pt_event *e, unsigned value)
{
	switch (e->kind) {
	case PT_EVENT_STATE:
		return pt_state_label(value);
	case PT_EVENT_HEALTH:
		return pt_health_label(value);
	case PT_EVENT_LOG:
		return pt_log_label(value);
	default:
		return NULL;
	}
}

static void write_exit(struct json_out *o, const struct pt_event *e)
{
	bool known = e->exit_kind == PT_EXIT_KNOWN;
	bool killed = known && WIFSIGNALED(e->wait_status);

	doc_int_or_null(o, "exit_code",
		known && WIFEXITED(e->wait_status) ? WEXITSTATUS(e->wait_status) : -1, 0);
	doc_int_or_null(o, "exit_signal", killed ? WTERMSIG(e->wait_status) : -1, 0);
	json_bool(o, "core_dumped", killed && WCOREDUMP(e->wait_status));
}

void doc_event(struct json_out *o, const struct pt_event *e)
{
	char name[PT_NAME_MAX + 1] = "", text[STORY_MAX];

	memcpy(name, e->name, PT_NAME_MAX);
	json_open(o, NULL, '{');
	json_time(o, "time", e->real_ns);
	json_text(o, "event", pt_event_label(e->kind));
	json_text(o, "name", name);
	json_text(o, "from", label(e, e->from));
	json_text(o, "to", label(e, e->to));
	json_text(o, "reason", pt_reason_label(e->reason));
	doc_int_or_null(o, "pid", e->pid, 1);
	write_exit(o, e);
	json_text(o, "stage", e->stage ? pt_stage_label(e->stage) : NULL);
	json_u64(o, "value", e->kind == PT_EVENT_STATE && e->to == PT_STATE_RUNNING ? 0 : e->value);
	doc_int_or_null(o, "by_pid", e->by_pid, 1);
	json_text(o, "text", story_event(e, text));
	json_close(o);
}
