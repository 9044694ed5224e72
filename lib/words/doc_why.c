/* words/doc_why.c - the documents of "tend why --json" and "tend events --json" (words/doc.h). */
#include <string.h>
#include <sys/wait.h>

#include "client/view.h"
#include "shm/events.h"
#include "words/doc.h"
#include "words/doc_member.h"
#include "words/story.h"

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

void doc_why(struct json_out *o, const char *name, const struct view *v, const struct view_row *r,
	const struct pt_event *events, size_t n)
{
	static const struct doc_member members[] = {
		{ "state", member_state },
		{ "since", member_since },
		{ "reason", member_reason },
		{ "health", member_health },
		{ "health_error", member_health_error },
		{ "brake_reason", member_brake_reason },
		{ "next", member_next },
		{ 0 },
	};
	const struct doc_subject s = { .v = v, .r = r };

	json_open(o, NULL, '{');
	json_text(o, "name", name);
	if (r)
		doc_members(o, members, &s);
	json_open(o, "events", '[');
	for (size_t i = 0; i < n; i++)
		doc_event(o, &events[i]);
	json_close(o);
	json_close(o);
}
