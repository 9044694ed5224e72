/* words/detail.c - one process in detail (words/detail.h). */
#include "words/detail.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/home.h"
#include "base/pidref.h"
#include "base/str.h"
#include "client/listed.h"
#include "client/phrase.h"
#include "config/spec.h"
#include "words/meshcolumns.h"
#include "words/paragraph.h"
#include "words/story.h"

#define KEY "%-12s "

/* Nothing else tells: such a process lives, and answers nobody. */
static bool is_suspended(const struct pt_life *l)
{
	char state = pid_state(l->pid, l->start_ticks);

	return state == 'T' || state == 't';
}

static void put_run(FILE *to, const struct view *v, const struct view_row *r)
{
	const struct pt_life *l = &r->row.life;
	char span[CLOCK_TEXT_MAX], when[CLOCK_TEXT_MAX], how[STORY_MAX];

	if (view_is_up(r) && l->pid > 0)
		fprintf(to, KEY "%d%s\n", "pid", l->pid,
			is_suspended(l)
				? ", suspended (SIGSTOP or a debugger): it does nothing until SIGCONT"
				: "");
	if (view_uptime_ns(v, r))
		fprintf(to, KEY "%s\n", "uptime", clock_span(view_uptime_ns(v, r), span));
	if (l->start_real_ns)
		fprintf(to, KEY "%s (run %u)\n", "started", clock_rfc3339(l->start_real_ns, when),
			l->life);
	if (l->exit_kind != PT_EXIT_NONE)
		fprintf(to, KEY "%s, at %s\n", "last end",
			phrase_exit(l->exit_kind, l->wait_status, how),
			clock_rfc3339(l->exit_real_ns, when));
	fprintf(to, KEY "%u\n", "restarts", l->restarts);
}

static void put_policy(FILE *to, const struct pt_ident *id)
{
	char a[CLOCK_TEXT_MAX], b[CLOCK_TEXT_MAX], name[24];

	fprintf(to, KEY "%s, delay %s to %s", "policy", pt_policy_label(id->policy),
		clock_span(id->restart_delay_ms * NS_PER_MS, a),
		clock_span(id->restart_max_delay_ms * NS_PER_MS, b));
	if (id->restart_limit)
		fprintf(to, ", at most %u restarts in %s", id->restart_limit,
			clock_span(id->restart_window_ms * NS_PER_MS, a));
	fprintf(to, "\n" KEY "%s, then SIGKILL after %s\n", "stop",
		str_signal_name(id->stop_signal, name),
		clock_span(id->stop_timeout_ms * NS_PER_MS, a));
}

/* The registry's word about an agent. */
static void put_registry(FILE *to, const struct view *v, const struct view_row *r)
{
	const struct pt_health *h = &r->row.health;
	char when[CLOCK_TEXT_MAX], seen[PHRASE_MAX], text[COLUMN_TEXT_MAX],
		id[sizeof(h->registry_id) * 6], status[sizeof(h->registry_status) * 6];

	if (r->row.ident.service != PT_SERVICE_AGENT || !view_is_up(r))
		return;
	fprintf(to, KEY "%s", "registry", pt_listing_label(h->listing));
	if (h->listing == PT_LISTING_LISTED) {
		str_visible(id, sizeof(id), h->registry_id);
		str_visible(status, sizeof(status), h->registry_status);
		fprintf(to, " as %s, %s", id, status[0] ? status : "no status");
		if (h->registry_seen_real_ns)
			fprintf(to, ", last seen at %s",
				clock_rfc3339(h->registry_seen_real_ns, when));
		if (phrase_seen(&r->row.health, seen)[0])
			fprintf(to, ", %s by its clock", seen);
		fprintf(to, "; %u capabilit%s, %u of %u dependencies resolved", h->capabilities,
			h->capabilities == 1 ? "y" : "ies", h->dependencies_resolved,
			h->dependencies);
	}
	putc('\n', to);
	if (!listed_has(r))
		return;
	fprintf(to, KEY "%s\n", "endpoint", meshcolumns_endpoint(v, r, text, sizeof(text)));
	if (h->capabilities && v->listed)
		fprintf(to, KEY "%s\n", "offers",
			meshcolumns_capabilities(v, r, text, sizeof(text)));
}

static void put_health(FILE *to, const struct view *v, const struct view_row *r)
{
	const struct pt_health *h = &r->row.health;
	char span[CLOCK_TEXT_MAX], bytes[24], error[sizeof(h->error) * 4];

	fprintf(to, KEY "%s", "health", pt_health_label(h->verdict));
	if (h->error[0] && str_visible(error, sizeof(error), h->error))
		fprintf(to, " (%s)", error);
	putc('\n', to);
	if (h->startup || h->readiness || h->liveness)
		fprintf(to, KEY "startup %s, readiness %s, liveness %s\n", "probes",
			pt_probe_label(h->startup), pt_probe_label(h->readiness),
			pt_probe_label(h->liveness));
	if (h->health_restarts)
		fprintf(to, KEY "%u%s\n", "for health", h->health_restarts,
			h->gave_up ? "; no further restart, the attempts are used up" : "");
	if (h->misconfigured)
		fprintf(to,
			KEY
			"what its specification says of its health can't be used; \"tend doctor\" says why\n",
			"not probed");
	if (v->monitor.brake_since_real_ns)
		fprintf(to, KEY "restarts for health are held back: %s\n", "brake",
			v->monitor.brake_reason);
	put_registry(to, v, r);
	if (!view_is_up(r) || !h->sampled_boot_ns || h->life != r->row.life.life)
		return;
	fprintf(to, KEY "%.1f%% CPU, %s memory, %u process%s, %u thread%s", "uses",
		h->cpu_permille / 10.0, phrase_bytes(h->memory_bytes, bytes), h->processes,
		h->processes == 1 ? "" : "es", h->threads, h->threads == 1 ? "" : "s");
	fprintf(to, " (%s ago)\n",
		clock_span(v->now_boot_ns > h->sampled_boot_ns ? v->now_boot_ns - h->sampled_boot_ns
							       : 0,
			span));
}

static void put_log(FILE *to, const struct view *v, const struct pt_row *row)
{
	char bytes[24], home[sizeof(v->info.home) * 4], when[CLOCK_TEXT_MAX];

	str_visible(home, sizeof(home), v->info.home);
	fprintf(to, KEY "%s/logs/%s.log", "log", home, row->ident.name);
	if (row->log.captured_bytes)
		fprintf(to, " (%s, last output at %s)",
			phrase_bytes(row->log.captured_bytes, bytes),
			clock_rfc3339(row->log.last_real_ns, when));
	putc('\n', to);
}

/* Group and folder are not in the table but in the specification. */
static void put_stored(FILE *to, const struct home *h, const char *name)
{
	char file[NAME_MAX_BYTES + 8], folder[4 * PATH_MAX];
	struct spec s = { 0 };

	spec_file_name(name, file);
	if (h->specs_fd >= 0 && spec_load(h->specs_fd, file, &s, NULL) == 0) {
		if (s.group[0])
			fprintf(to, KEY "%s\n", "group", s.group);
		str_visible(folder, sizeof(folder), s.cwd);
		fprintf(to, KEY "%s\n", "folder", folder);
		spec_done(&s);
	}
}

void detail_write(FILE *to, const struct view *v, const struct view_row *r, const struct home *h,
	unsigned width)
{
	const struct pt_row *row = &r->row;
	char command[4 * PT_COMMAND_TEXT + 1], note[STORY_MAX], when[CLOCK_TEXT_MAX],
		next[STORY_MAX];

	str_visible(command, sizeof(command), row->ident.command);
	fprintf(to, KEY "%s\n", "name", row->ident.name);
	fprintf(to, KEY "%s, since %s", "state", view_state(r),
		clock_rfc3339(row->life.since_real_ns, when));
	fprintf(to, " (%s)\n", pt_reason_sentence(row->life.reason));
	if (story_note(v, r, note)[0])
		fprintf(to, KEY "%s\n", "why", note);
	put_run(to, v, r);
	put_health(to, v, r);
	put_policy(to, &row->ident);
	fprintf(to, KEY "%s%s\n", "command", command, row->ident.command_cut ? "\xe2\x80\xa6" : "");
	put_stored(to, h, row->ident.name);
	put_log(to, v, row);
	fprintf(to, KEY, "next");
	paragraph_write(to, story_next(v, r, next), 13, width);
}
