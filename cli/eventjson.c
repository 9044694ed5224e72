/* cli/eventjson.c - events as JSON (cli/eventjson.h). */
#include "cli/eventjson.h"

#include <string.h>
#include <sys/wait.h>

#include "cli/json.h"
#include "cli/story.h"

static cJSON *label(const struct pt_event *e, unsigned value)
{
	switch (e->kind) {
	case PT_EVENT_STATE:
		return json_text(pt_state_label(value));
	case PT_EVENT_HEALTH:
		return json_text(pt_health_label(value));
	case PT_EVENT_LOG:
		return json_text(pt_log_label(value));
	default:
		return cJSON_CreateNull();
	}
}

static bool fill(cJSON *o, const struct pt_event *e)
{
	bool known = e->exit_kind == PT_EXIT_KNOWN;
	char name[PT_NAME_MAX + 1] = "", text[STORY_MAX];

	memcpy(name, e->name, PT_NAME_MAX);
	return json_add(o, "time", json_time(e->real_ns)) && json_add(o, "event", json_text(pt_event_label(e->kind))) &&
		json_add(o, "name", json_text(name)) && json_add(o, "from", label(e, e->from)) && json_add(o, "to", label(e, e->to)) &&
		json_add(o, "reason", json_text(pt_reason_label(e->reason))) &&
		json_add(o, "pid", e->pid > 0 ? cJSON_CreateNumber(e->pid) : cJSON_CreateNull()) &&
		json_add(o, "exit_code",
			known && WIFEXITED(e->wait_status) ? cJSON_CreateNumber(WEXITSTATUS(e->wait_status))
							   : cJSON_CreateNull()) &&
		json_add(o, "exit_signal",
			known && WIFSIGNALED(e->wait_status) ? cJSON_CreateNumber(WTERMSIG(e->wait_status))
							     : cJSON_CreateNull()) &&
		json_add(o, "core_dumped", cJSON_CreateBool(known && WIFSIGNALED(e->wait_status) && WCOREDUMP(e->wait_status))) &&
		json_add(o, "stage", e->stage ? json_text(pt_stage_label(e->stage)) : cJSON_CreateNull()) &&
		json_add(o, "value", json_u64(e->kind == PT_EVENT_STATE && e->to == PT_STATE_RUNNING ? 0 : e->value)) &&
		json_add(o, "by_pid", e->by_pid > 0 ? cJSON_CreateNumber(e->by_pid) : cJSON_CreateNull()) &&
		json_add(o, "text", json_text(story_event(e, text)));
}

cJSON *eventjson(const struct pt_event *e)
{
	cJSON *o = cJSON_CreateObject();

	if (o && fill(o, e))
		return o;
	cJSON_Delete(o);
	return NULL;
}
