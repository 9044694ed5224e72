/* words/columns.c - the columns of a process (words/columns.h). */
#include "words/columns.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "client/group.h"
#include "client/phrase.h"
#include "words/meshcolumns.h"
#include "words/story.h"

#define TEXT(name) \
	static const char *text_##name( \
		const struct view *v, const struct view_row *r, char *buf, size_t size)
#define UNUSED(v) ((void)(v))
#define NO_BUFFER ((void)buf, (void)size)

/* A number in decimal, with a unit behind it. snprintf() for three cells of each row would take as
 * long as all the rest of a status. */
static const char *put_number(char *buf, size_t size, uint64_t value, const char *unit)
{
	char digits[32], *at = phrase_digits(value, digits + sizeof(digits) - 8);

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

TEXT(group)
{
	_Static_assert(COLUMN_TEXT_MAX >= NAME_MAX_BYTES, "a group's name fits into a cell");

	(void)size;
	return v->home && group_of(v->home, r->row.ident.name, buf) ? buf : "-";
}

TEXT(pid)
{
	UNUSED(v);
	return view_is_up(r) && r->row.life.pid > 0
		? put_number(buf, size, (uint64_t)r->row.life.pid, "")
		: "-";
}

TEXT(word)
{
	UNUSED(v);
	NO_BUFFER;
	return view_word(r);
}

TEXT(state)
{
	const char *word = view_word(r);

	UNUSED(v);
	NO_BUFFER;
	/* That a stop took SIGKILL stays visible until the next start. */
	return strcmp(word, "killed") == 0 ? word : view_state(r);
}

static enum tone tone_state(const struct view_row *r)
{
	if (r->gone || r->row.life.state == PT_STATE_FAILED)
		return TONE_BAD;
	switch (r->row.life.state) {
	case PT_STATE_RUNNING:
		return TONE_GOOD;
	case PT_STATE_STOPPED:
	case PT_STATE_COMPLETED:
		return TONE_DIM;
	default:
		return TONE_WARNING;
	}
}

TEXT(health)
{
	UNUSED(v);
	NO_BUFFER;
	return pt_health_label(r->row.health.verdict);
}

enum tone columns_health(const struct view_row *r)
{
	static const enum tone tones[PT_HEALTH_MAX] = { TONE_DIM, TONE_GOOD, TONE_WARNING, TONE_BAD,
		TONE_BAD };

	return r->row.health.verdict < PT_HEALTH_MAX ? tones[r->row.health.verdict] : TONE_PLAIN;
}

/* Unknown it is for the registry's sake: that is reported where no column of its own says it. */
static bool is_only_unregistered(const struct view_row *r)
{
	return r->row.health.verdict == PT_HEALTH_UNKNOWN &&
		r->row.health.listing == PT_LISTING_MISSING && story_is_unregistered(r);
}

TEXT(standing)
{
	return is_only_unregistered(r) ? "unregistered" : text_health(v, r, buf, size);
}

static enum tone tone_standing(const struct view_row *r)
{
	return is_only_unregistered(r) ? TONE_WARNING : columns_health(r);
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

/* Most processes of an instance have been up for the same number of seconds: what was written last
 * is written again. */
TEXT(uptime)
{
	static _Thread_local char span[CLOCK_TEXT_MAX];
	static _Thread_local uint64_t span_seconds;
	uint64_t up = view_uptime_ns(v, r);

	NO_BUFFER;
	if (up < NS_PER_SEC || up / NS_PER_SEC != span_seconds)
		clock_span(up, span);
	span_seconds = up / NS_PER_SEC;
	return up ? span : "-";
}

TEXT(restarts)
{
	UNUSED(v);
	return put_number(buf, size, r->row.life.restarts, "");
}

TEXT(service)
{
	UNUSED(v);
	NO_BUFFER;
	return pt_service_label(r->row.ident.service);
}

TEXT(cpu)
{
	UNUSED(v);
	return view_is_sampled(r) ? put_tenths(buf, size, r->row.health.cpu_permille, "%") : "-";
}

TEXT(memory)
{
	UNUSED(v);
	(void)size; /* COLUMN_TEXT_MAX */
	return view_is_sampled(r) ? phrase_bytes(r->row.health.memory_bytes, buf) : "-";
}

const struct column columns[] = {
	{ "NAME", COLUMN_STATUS | COLUMN_LIST | COLUMN_AGENTS, false, text_name, NULL },
	{ "STATE", COLUMN_STATUS, false, text_state, tone_state },
	{ "STATUS", COLUMN_LIST | COLUMN_AGENTS, false, text_word, tone_state },
	{ "TYPE", COLUMN_LIST, false, text_service, NULL },
	{ "PID", COLUMN_STATUS | COLUMN_LIST | COLUMN_WIDE, true, text_pid, NULL },
	{ "UPTIME", COLUMN_STATUS | COLUMN_LIST | COLUMN_WIDE, true, text_uptime, NULL },
	{ "RESTARTS", COLUMN_STATUS, true, text_restarts, NULL },
	{ "REGISTERED", COLUMN_AGENTS, false, meshcolumns_registered, meshcolumns_tone },
	{ "HEALTH", COLUMN_STATUS, false, text_standing, tone_standing },
	{ "HEALTH", COLUMN_LIST | COLUMN_AGENTS, false, text_health, columns_health },
	{ "GROUP", COLUMN_GROUP, false, text_group, NULL },
	{ "CPU", COLUMN_STATUS, true, text_cpu, NULL },
	{ "MEM", COLUMN_STATUS, true, text_memory, NULL },
	{ "ENDPOINT", COLUMN_AGENTS, false, meshcolumns_endpoint, NULL },
	{ "CAPABILITIES", COLUMN_AGENTS, false, meshcolumns_capabilities, NULL },
	/* last: the one that is cut */
	{ "COMMAND", COLUMN_STATUS | COLUMN_LIST, false, text_command, NULL },
	{ 0 },
};
