/* words/doc_member.c - what an object about a process can say (words/doc_member.h). */
#include "words/doc_member.h"

#include <stdio.h>
#include <sys/wait.h>

#include "client/listed.h"
#include "client/phrase.h"
#include "config/redact.h"
#include "json/tree.h"
#include "words/story.h"

#define MASKED_MAX 1024u

#define MEMBER(name) \
	void member_##name(struct json_out *o, const char *key, const struct doc_subject *s)

void doc_members(struct json_out *o, const struct doc_member *m, const struct doc_subject *s)
{
	for (; m->key; m++)
		m->write(o, m->key, s);
}

const struct spec *doc_spec(const struct home *h, const char *name, struct spec *room)
{
	char file[NAME_MAX_BYTES + 8];

	*room = (struct spec){ 0 };
	spec_file_name(name, file);
	return h && h->specs_fd >= 0 && spec_load(h->specs_fd, file, room, NULL) == 0 ? room : NULL;
}

void doc_text_or_null(struct json_out *o, const char *key, const char *text)
{
	json_text(o, key, text && text[0] ? text : NULL);
}

void doc_int_or_null(struct json_out *o, const char *key, int64_t value, int64_t least)
{
	if (value >= least)
		json_int(o, key, value);
	else
		json_null(o, key);
}

/* ---- the table */

MEMBER(name)
{
	json_text(o, key, s->r->row.ident.name);
}

MEMBER(state)
{
	json_text(o, key, view_state(s->r));
}

MEMBER(word)
{
	json_text(o, key, view_word(s->r));
}

MEMBER(service)
{
	json_text(o, key, pt_service_label(s->r->row.ident.service));
}

static int32_t pid_of(const struct view_row *r)
{
	return view_is_up(r) ? r->row.life.pid : 0;
}

MEMBER(pid)
{
	doc_int_or_null(o, key, pid_of(s->r), 1);
}

MEMBER(pid_or_zero)
{
	json_int(o, key, pid_of(s->r));
}

MEMBER(restarts)
{
	json_u64(o, key, s->r->row.life.restarts);
}

MEMBER(health)
{
	json_text(o, key, pt_health_label(s->r->row.health.verdict));
}

MEMBER(health_error)
{
	doc_text_or_null(o, key, s->r->row.health.error);
}

MEMBER(command)
{
	json_text(o, key, s->r->row.ident.command);
}

MEMBER(start_time)
{
	json_time(o, key, s->r->row.life.start_real_ns);
}

MEMBER(last_seen)
{
	json_time(o, key, s->r->row.health.last_seen_real_ns);
}

MEMBER(last_restart)
{
	json_time(o, key, s->r->row.life.restarts ? s->r->row.life.start_real_ns : 0);
}

MEMBER(since)
{
	json_time(o, key, s->r->row.life.since_real_ns);
}

MEMBER(next_at)
{
	uint64_t next = s->r->row.life.next_boot_ns;

	if (!next || s->r->gone)
		json_null(o, key);
	else
		/* modulo 2^64: it may lie behind us */
		json_time(o, key, s->v->now_real_ns + (next - s->v->now_boot_ns));
}

MEMBER(uptime_s)
{
	json_seconds(o, key, view_uptime_ns(s->v, s->r));
}

MEMBER(uptime_ns)
{
	json_u64(o, key, view_uptime_ns(s->v, s->r));
}

MEMBER(uptime_text)
{
	double seconds = (double)view_uptime_ns(s->v, s->r) / 1e9;
	char text[40];

	if (!view_uptime_ns(s->v, s->r))
		snprintf(text, sizeof(text), "unknown");
	else if (seconds < 60)
		snprintf(text, sizeof(text), "%.1fs", seconds);
	else if (seconds < 3600)
		snprintf(text, sizeof(text), "%.1fm", seconds / 60);
	else
		snprintf(text, sizeof(text), "%.1fh", seconds / 3600);
	json_text(o, key, text);
}

MEMBER(cpu)
{
	if (view_is_sampled(s->r))
		json_number(o, key, s->r->row.health.cpu_permille / 10.0);
	else
		json_null(o, key);
}

MEMBER(memory)
{
	if (view_is_sampled(s->r))
		json_u64(o, key, s->r->row.health.memory_bytes);
	else
		json_null(o, key);
}

MEMBER(cpu_last)
{
	json_number(o, key, s->r->row.health.cpu_permille / 10.0);
}

MEMBER(memory_last)
{
	json_u64(o, key, s->r->row.health.memory_bytes);
}

MEMBER(exit_code)
{
	int status = s->r->row.life.wait_status;

	doc_int_or_null(o, key,
		s->r->row.life.exit_kind == PT_EXIT_KNOWN && WIFEXITED(status) ? WEXITSTATUS(status)
									       : -1,
		0);
}

MEMBER(exit_signal)
{
	int status = s->r->row.life.wait_status;

	doc_int_or_null(o, key,
		s->r->row.life.exit_kind == PT_EXIT_KNOWN && WIFSIGNALED(status) ? WTERMSIG(status)
										 : -1,
		0);
}

MEMBER(core_dumped)
{
	int status = s->r->row.life.wait_status;

	json_bool(o, key,
		s->r->row.life.exit_kind == PT_EXIT_KNOWN && WIFSIGNALED(status) &&
			WCOREDUMP(status));
}

MEMBER(reason)
{
	char note[STORY_MAX];

	story_note(s->v, s->r, note);
	json_text(o, key, note[0] ? note : pt_reason_sentence(s->r->row.life.reason));
}

MEMBER(next)
{
	char next[STORY_MAX];

	json_text(o, key, story_next(s->v, s->r, next));
}

MEMBER(brake_reason)
{
	json_text(o, key, s->v->monitor.brake_since_real_ns ? s->v->monitor.brake_reason : NULL);
}

MEMBER(log_blocked)
{
	json_bool(o, key, s->r->log_blocked);
}

MEMBER(log_error)
{
	json_text(o, key, s->r->log_error ? phrase_log_error(s->r->log_error) : NULL);
}

MEMBER(policy)
{
	json_text(o, key, pt_policy_label(s->r->row.ident.policy));
}

MEMBER(auto_restart)
{
	json_bool(o, key, s->r->row.ident.policy != PT_POLICY_NO);
}

MEMBER(failures)
{
	json_u64(o, key, s->r->row.health.failures);
}

MEMBER(running)
{
	json_text(o, key, view_is_up(s->r) ? "running" : "stopped");
}

MEMBER(is_listed)
{
	json_bool(o, key, listed_has(s->r));
}

MEMBER(list_status)
{
	json_text(o, key, listed_word(s->r));
}

MEMBER(agent_message)
{
	json_text(o, key, view_is_up(s->r) ? "Agent is running" : "Agent is not running");
}

/* ---- the specification */

MEMBER(file)
{
	json_text(o, key, s->spec ? s->spec->file : NULL);
}

MEMBER(cwd)
{
	json_text(o, key, s->spec ? s->spec->cwd : NULL);
}

/* What looks like a secret is masked. */
MEMBER(registry_url)
{
	const char *url = s->spec ? spec_variable(s->spec->env, "MCP_MESH_REGISTRY_URL") : NULL;
	char shown[MASKED_MAX];

	if (url)
		redact_copy(shown, sizeof(shown), url);
	json_text(o, key, url ? shown : NULL);
}

MEMBER(group)
{
	doc_text_or_null(o, key, s->spec ? s->spec->group : NULL);
}

/* ---- the registry */

/* A list of its entry, or an empty one. */
static void write_list(struct json_out *o, const char *key, const cJSON *entry, const char *member)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(entry, member);

	if (cJSON_IsArray(list)) {
		json_tree(o, key, list);
		return;
	}
	json_open(o, key, '[');
	json_close(o);
}

MEMBER(capabilities)
{
	write_list(o, key, s->entry, "capabilities");
}

MEMBER(dependencies)
{
	write_list(o, key, s->entry, "dependencies");
}

MEMBER(endpoint)
{
	doc_text_or_null(o, key, listed_has(s->r) ? s->r->row.health.registry_endpoint : NULL);
}
