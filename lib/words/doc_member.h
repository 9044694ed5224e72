/*
 * words/doc_member.h - the members that an object about a process can have. Which of them it has,
 * under which keys, is a list for each document; what a member says is the same in all of them.
 */
#ifndef WORDS_DOC_MEMBER_H
#define WORDS_DOC_MEMBER_H

#include <cjson/cJSON.h>

#include "client/view.h"
#include "config/spec.h"
#include "json/write.h"

struct doc_subject {
	const struct view *v;
	const struct view_row *r;
	const struct spec *spec; /* as it was started; NULL = not known */
	const cJSON *entry;	 /* what the registry lists of it; NULL = nothing */
};

typedef void doc_writer(struct json_out *o, const char *key, const struct doc_subject *s);

struct doc_member {
	const char *key;
	doc_writer *write;
};

/* Write them in order, into an object that is open. The list ends with a zeroed one. */
void doc_members(struct json_out *o, const struct doc_member *m, const struct doc_subject *s);

/* The specification of a name, in *room, to be freed with spec_done(); NULL: there is none that can
 * be read. */
const struct spec *doc_spec(const struct home *h, const char *name, struct spec *room);

/* Where a text is NULL or "", the value is null. */
void doc_text_or_null(struct json_out *o, const char *key, const char *text);
void doc_int_or_null(struct json_out *o, const char *key, int64_t value, int64_t least);

/* Of the table. */
doc_writer member_name, member_state, member_word, member_service, member_pid, member_pid_or_zero,
	member_restarts, member_health, member_health_error;
doc_writer member_command, member_start_time, member_last_seen, member_last_restart, member_since,
	member_next_at;
doc_writer member_uptime_s, member_uptime_ns, member_uptime_text;
doc_writer member_cpu, member_memory;		/* null where this run was not sampled */
doc_writer member_cpu_last, member_memory_last; /* whatever was sampled last */
doc_writer member_exit_code, member_exit_signal, member_core_dumped, member_reason, member_next,
	member_brake_reason;
doc_writer member_log_blocked, member_log_error, member_policy, member_auto_restart,
	member_failures;
doc_writer member_running; /* "running" or "stopped" */
doc_writer member_is_listed, member_list_status, member_agent_message;
/* Of the specification. */
doc_writer member_file, member_cwd, member_registry_url, member_group;
/* Of the registry. */
doc_writer member_capabilities, member_dependencies, member_endpoint;

#endif
