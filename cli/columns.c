/* cli/columns.c - the columns of a process, and their JSON (cli/columns.h). */
#include "cli/columns.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/group.h"
#include "cli/json.h"
#include "cli/meshcolumns.h"
#include "cli/story.h"
#include "cli/table.h"

#define TEXT(name) static const char *text_##name(const struct view *v, const struct view_row *r, char *buf, size_t size)
#define JSON(name) static cJSON *json_##name(const struct view *v, const struct view_row *r)
#define UNUSED(v)  ((void)(v))
#define NO_BUFFER   ((void)buf, (void)size)

/* A number in decimal, with a unit behind it. snprintf() for three cells of each row would take as long as all the
 * rest of a status. */
static const char *put_number(char *buf, size_t size, uint64_t value, const char *unit)
{
	char digits[32], *at = story_digits(value, digits + sizeof(digits) - 8);

	memcpy(digits + sizeof(digits) - 8, unit, strnlen(unit, 7) + 1);
	str_copy(buf, size, at);
	return buf;
}

/* A value in tenths, with a unit behind it. */
static const char *put_tenths(char *buf, size_t size, uint64_t tenths, const char *unit)
{
	char behind[8] = { '.', (char)('0' + tenths % 10) };

	(void)str_copy(behind + 2, sizeof(behind) - 2, unit);
	return put_number(buf, size, tenths / 10, behind);
}

TEXT(name)
{
	UNUSED(v);
	NO_BUFFER;
	return r->row.ident.name;
}

JSON(name)
{
	UNUSED(v);
	return cJSON_CreateString(r->row.ident.name);
}

TEXT(group)
{
	_Static_assert(COLUMN_TEXT_MAX >= NAME_MAX_BYTES, "a group's name fits into a cell");

	(void)size;
	return v->home && group_of(v->home, r->row.ident.name, buf) ? buf : "-";
}

JSON(pid)
{
	UNUSED(v);
	return view_is_up(r) && r->row.life.pid > 0 ? cJSON_CreateNumber(r->row.life.pid) : cJSON_CreateNull();
}

TEXT(pid)
{
	UNUSED(v);
	return view_is_up(r) && r->row.life.pid > 0 ? put_number(buf, size, (uint64_t)r->row.life.pid, "") : "-";
}

TEXT(word)
{
	UNUSED(v);
	NO_BUFFER;
	return view_word(r);
}

JSON(word)
{
	UNUSED(v);
	return cJSON_CreateString(view_word(r));
}

TEXT(state)
{
	const char *word = view_word(r);

	UNUSED(v);
	NO_BUFFER;
	/* That a stop took SIGKILL stays visible until the next start. */
	return strcmp(word, "killed") == 0 ? word : view_state(r);
}

JSON(state)
{
	UNUSED(v);
	return cJSON_CreateString(view_state(r));
}

static enum term_colour colour_state(const struct view_row *r)
{
	if (r->gone || r->row.life.state == PT_STATE_FAILED)
		return TERM_RED;
	switch (r->row.life.state) {
	case PT_STATE_RUNNING:
		return TERM_GREEN;
	case PT_STATE_STOPPED:
	case PT_STATE_COMPLETED:
		return TERM_DIM;
	default:
		return TERM_YELLOW;
	}
}

TEXT(health)
{
	UNUSED(v);
	NO_BUFFER;
	return pt_health_label(r->row.health.verdict);
}

JSON(health)
{
	UNUSED(v);
	return cJSON_CreateString(pt_health_label(r->row.health.verdict));
}

static enum term_colour colour_health(const struct view_row *r)
{
	static const enum term_colour colour[PT_HEALTH_MAX] = { TERM_DIM, TERM_GREEN, TERM_YELLOW, TERM_RED, TERM_RED };

	return r->row.health.verdict < PT_HEALTH_MAX ? colour[r->row.health.verdict] : TERM_PLAIN;
}

/* Unknown it is for the registry's sake: that is said where no column of its own says it. */
static bool is_only_unregistered(const struct view_row *r)
{
	return r->row.health.verdict == PT_HEALTH_UNKNOWN && r->row.health.listing == PT_LISTING_MISSING && story_is_unregistered(r);
}

TEXT(standing)
{
	return is_only_unregistered(r) ? "unregistered" : text_health(v, r, buf, size);
}

static enum term_colour colour_standing(const struct view_row *r)
{
	return is_only_unregistered(r) ? TERM_YELLOW : colour_health(r);
}

TEXT(command)
{
	size_t len;

	UNUSED(v);
	len = str_visible(buf, size, r->row.ident.command);
	if (r->row.ident.command_cut && len + 4 <= size)
		memcpy(buf + len, "\xe2\x80\xa6", 4);
	return buf;
}

JSON(command)
{
	UNUSED(v);
	return json_text(r->row.ident.command);
}

JSON(start_time)
{
	UNUSED(v);
	return json_time(r->row.life.start_real_ns);
}

/* Most processes of an instance have been up for the same number of seconds: what was written last is written again. */
TEXT(uptime)
{
	static char span[CLOCK_TEXT_MAX];
	static uint64_t span_seconds;
	uint64_t up = view_uptime_ns(v, r);

	NO_BUFFER;
	if (up < NS_PER_SEC || up / NS_PER_SEC != span_seconds)
		clock_span(up, span);
	span_seconds = up / NS_PER_SEC;
	return up ? span : "-";
}

JSON(uptime)
{
	return json_seconds(view_uptime_ns(v, r));
}

JSON(last_seen)
{
	UNUSED(v);
	return json_time(r->row.health.last_seen_real_ns);
}

TEXT(restarts)
{
	UNUSED(v);
	return put_number(buf, size, r->row.life.restarts, "");
}

JSON(restarts)
{
	UNUSED(v);
	return cJSON_CreateNumber(r->row.life.restarts);
}

static bool ended(const struct view_row *r)
{
	return r->row.life.exit_kind == PT_EXIT_KNOWN;
}

JSON(exit_code)
{
	int status = r->row.life.wait_status;

	UNUSED(v);
	return ended(r) && WIFEXITED(status) ? cJSON_CreateNumber(WEXITSTATUS(status)) : cJSON_CreateNull();
}

JSON(exit_signal)
{
	int status = r->row.life.wait_status;

	UNUSED(v);
	return ended(r) && WIFSIGNALED(status) ? cJSON_CreateNumber(WTERMSIG(status)) : cJSON_CreateNull();
}

JSON(core_dumped)
{
	UNUSED(v);
	return cJSON_CreateBool(ended(r) && WIFSIGNALED(r->row.life.wait_status) && WCOREDUMP(r->row.life.wait_status));
}

TEXT(service)
{
	UNUSED(v);
	NO_BUFFER;
	return pt_service_label(r->row.ident.service);
}

JSON(service)
{
	UNUSED(v);
	return cJSON_CreateString(pt_service_label(r->row.ident.service));
}

bool columns_sampled(const struct view_row *r)
{
	return view_is_up(r) && r->row.health.sampled_boot_ns && r->row.health.life == r->row.life.life;
}

TEXT(cpu)
{
	UNUSED(v);
	return columns_sampled(r) ? put_tenths(buf, size, r->row.health.cpu_permille, "%") : "-";
}

JSON(cpu)
{
	UNUSED(v);
	return columns_sampled(r) ? cJSON_CreateNumber(r->row.health.cpu_permille / 10.0) : cJSON_CreateNull();
}

TEXT(memory)
{
	UNUSED(v);
	(void)size; /* COLUMN_TEXT_MAX */
	return columns_sampled(r) ? story_bytes(r->row.health.memory_bytes, buf) : "-";
}

JSON(memory)
{
	UNUSED(v);
	return columns_sampled(r) ? cJSON_CreateNumber((double)r->row.health.memory_bytes) : cJSON_CreateNull();
}

JSON(reason)
{
	char note[STORY_MAX];

	story_note(v, r, note);
	return json_text(note[0] ? note : pt_reason_sentence(r->row.life.reason));
}

JSON(next_at)
{
	uint64_t next = r->row.life.next_boot_ns;

	if (!next || r->gone)
		return cJSON_CreateNull();
	return json_time(next > v->now_boot_ns ? v->now_real_ns + (next - v->now_boot_ns)
					       : v->now_real_ns - (v->now_boot_ns - next));
}

JSON(policy)
{
	UNUSED(v);
	return cJSON_CreateString(pt_policy_label(r->row.ident.policy));
}

JSON(log_blocked)
{
	UNUSED(v);
	return cJSON_CreateBool(r->log_blocked);
}

JSON(log_error)
{
	UNUSED(v);
	return r->log_error ? cJSON_CreateString(story_log_error(r->log_error)) : cJSON_CreateNull();
}

const struct column columns[] = {
	{ "name", "NAME", COLUMN_STATUS | COLUMN_LIST | COLUMN_AGENTS, false, text_name, json_name, NULL },
	{ "state", "STATE", COLUMN_STATUS, false, text_state, json_state, colour_state },
	{ "status", "STATUS", COLUMN_LIST | COLUMN_AGENTS, false, text_word, json_word, colour_state },
	{ "service_type", "TYPE", COLUMN_LIST, false, text_service, json_service, NULL },
	{ "pid", "PID", COLUMN_STATUS | COLUMN_LIST | COLUMN_WIDE, true, text_pid, json_pid, NULL },
	{ "uptime", "UPTIME", COLUMN_STATUS | COLUMN_LIST | COLUMN_WIDE, true, text_uptime, json_uptime, NULL },
	{ "restarts", "RESTARTS", COLUMN_STATUS, true, text_restarts, json_restarts, NULL },
	{ "registered", "REGISTERED", COLUMN_AGENTS, false, meshcolumns_registered, NULL, meshcolumns_colour },
	{ "health_check", "HEALTH", COLUMN_STATUS, false, text_standing, json_health, colour_standing },
	{ "health", "HEALTH", COLUMN_LIST | COLUMN_AGENTS, false, text_health, NULL, colour_health },
	{ "group", "GROUP", COLUMN_GROUP, false, text_group, NULL, NULL },
	{ "cpu_percent", "CPU", COLUMN_STATUS, true, text_cpu, json_cpu, NULL },
	{ "memory_bytes", "MEM", COLUMN_STATUS, true, text_memory, json_memory, NULL },
	{ "endpoint", "ENDPOINT", COLUMN_AGENTS, false, meshcolumns_endpoint, NULL, NULL },
	{ "capabilities", "CAPABILITIES", COLUMN_AGENTS, false, meshcolumns_capabilities, NULL, NULL },
	{ "start_time", NULL, 0, false, NULL, json_start_time, NULL },
	{ "last_seen", NULL, 0, false, NULL, json_last_seen, NULL },
	{ "exit_code", NULL, 0, false, NULL, json_exit_code, NULL },
	{ "exit_signal", NULL, 0, false, NULL, json_exit_signal, NULL },
	{ "core_dumped", NULL, 0, false, NULL, json_core_dumped, NULL },
	{ "reason", NULL, 0, false, NULL, json_reason, NULL },
	{ "next_at", NULL, 0, false, NULL, json_next_at, NULL },
	{ "log_blocked", NULL, 0, false, NULL, json_log_blocked, NULL },
	{ "log_error", NULL, 0, false, NULL, json_log_error, NULL },
	{ "restart_policy", NULL, 0, false, NULL, json_policy, NULL },
	{ "command", "COMMAND", COLUMN_STATUS | COLUMN_LIST, false, text_command, json_command,
		NULL }, /* last: the one that is cut */
	{ 0 },
};

cJSON *columns_json(const struct view *v, const struct view_row *r)
{
	cJSON *row = cJSON_CreateObject();

	for (const struct column *c = columns; row && c->key; c++) {
		cJSON *item;

		if (!c->json)
			continue;
		item = c->json(v, r);

		if (!item || !cJSON_AddItemToObjectCS(row, c->key, item)) {
			cJSON_Delete(item);
			cJSON_Delete(row);
			return NULL;
		}
	}
	return row;
}

struct table *columns_table(unsigned sets)
{
	struct table *t;
	size_t shown = 0;

	for (const struct column *c = columns; c->key; c++)
		shown += (c->sets & sets) != 0;
	t = table_new(shown);
	for (const struct column *c = columns; t && c->key; c++)
		if (c->sets & sets)
			table_cell(t, c->title, c->right, TERM_BOLD);
	return t;
}

void columns_add(struct table *t, const struct view *v, const struct view_row *r, unsigned sets)
{
	char text[COLUMN_TEXT_MAX];

	for (const struct column *c = columns; c->key; c++) {
		if (!(c->sets & sets))
			continue;
		table_cell(t, c->text(v, r, text, sizeof(text)), c->right, c->colour ? c->colour(r) : TERM_PLAIN);
	}
}
