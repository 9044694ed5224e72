/* cli/detail.c - one process in detail (cli/detail.h). */
#include "cli/detail.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/home.h"
#include "base/pidref.h"
#include "base/str.h"
#include "cli/meshcolumns.h"
#include "cli/out.h"
#include "client/listed.h"
#include "client/phrase.h"
#include "config/spec.h"
#include "words/story.h"

#define KEY "%-12s "

bool detail_is_stored(const char *name)
{
	struct home h = HOME_INIT;
	char file[NAME_MAX_BYTES + 8];
	struct stat st;
	bool found;

	if (name_check(name, NULL) < 0 || home_open(NULL, HOME_READ, &h, NULL) < 0)
		return false;
	spec_file_name(name, file);
	found = h.specs_fd >= 0 && fstatat(h.specs_fd, file, &st, AT_SYMLINK_NOFOLLOW) == 0;
	home_close(&h);
	return found;
}

/* Nothing else tells: such a process lives, and answers nobody. */
static bool is_suspended(const struct pt_life *l)
{
	char state = pid_state(l->pid, l->start_ticks);

	return state == 'T' || state == 't';
}

static void print_run(const struct view *v, const struct view_row *r)
{
	const struct pt_life *l = &r->row.life;
	char span[CLOCK_TEXT_MAX], when[CLOCK_TEXT_MAX], how[STORY_MAX];

	if (view_is_up(r) && l->pid > 0)
		printf(KEY "%d%s\n", "pid", l->pid,
			is_suspended(l)
				? ", suspended (SIGSTOP or a debugger): it does nothing until SIGCONT"
				: "");
	if (view_uptime_ns(v, r))
		printf(KEY "%s\n", "uptime", clock_span(view_uptime_ns(v, r), span));
	if (l->start_real_ns)
		printf(KEY "%s (run %u)\n", "started", clock_rfc3339(l->start_real_ns, when),
			l->life);
	if (l->exit_kind != PT_EXIT_NONE)
		printf(KEY "%s, at %s\n", "last end",
			phrase_exit(l->exit_kind, l->wait_status, how),
			clock_rfc3339(l->exit_real_ns, when));
	printf(KEY "%u\n", "restarts", l->restarts);
}

static void print_policy(const struct pt_ident *id)
{
	char a[CLOCK_TEXT_MAX], b[CLOCK_TEXT_MAX], name[24];

	printf(KEY "%s, delay %s to %s", "policy", pt_policy_label(id->policy),
		clock_span(id->restart_delay_ms * NS_PER_MS, a),
		clock_span(id->restart_max_delay_ms * NS_PER_MS, b));
	if (id->restart_limit)
		printf(", at most %u restarts in %s", id->restart_limit,
			clock_span(id->restart_window_ms * NS_PER_MS, a));
	printf("\n" KEY "%s, then SIGKILL after %s\n", "stop",
		str_signal_name(id->stop_signal, name),
		clock_span(id->stop_timeout_ms * NS_PER_MS, a));
}

/* The registry's word about an agent. */
static void print_registry(const struct view *v, const struct view_row *r)
{
	const struct pt_health *h = &r->row.health;
	char when[CLOCK_TEXT_MAX], seen[PHRASE_MAX], text[COLUMN_TEXT_MAX],
		id[sizeof(h->registry_id) * 6], status[sizeof(h->registry_status) * 6];

	if (r->row.ident.service != PT_SERVICE_AGENT || !view_is_up(r))
		return;
	printf(KEY "%s", "registry", pt_listing_label(h->listing));
	if (h->listing == PT_LISTING_LISTED) {
		str_visible(id, sizeof(id), h->registry_id);
		str_visible(status, sizeof(status), h->registry_status);
		printf(" as %s, %s", id, status[0] ? status : "no status");
		if (h->registry_seen_real_ns)
			printf(", last seen at %s", clock_rfc3339(h->registry_seen_real_ns, when));
		if (phrase_seen(&r->row.health, seen)[0])
			printf(", %s by its clock", seen);
		printf("; %u capabilit%s, %u of %u dependencies resolved", h->capabilities,
			h->capabilities == 1 ? "y" : "ies", h->dependencies_resolved,
			h->dependencies);
	}
	putchar('\n');
	if (!listed_has(r))
		return;
	printf(KEY "%s\n", "endpoint", meshcolumns_endpoint(v, r, text, sizeof(text)));
	if (h->capabilities && v->listed)
		printf(KEY "%s\n", "offers", meshcolumns_capabilities(v, r, text, sizeof(text)));
}

static void print_health(const struct view *v, const struct view_row *r)
{
	const struct pt_health *h = &r->row.health;
	char span[CLOCK_TEXT_MAX], bytes[24], error[sizeof(h->error) * 4];

	printf(KEY "%s", "health", pt_health_label(h->verdict));
	if (h->error[0] && str_visible(error, sizeof(error), h->error))
		printf(" (%s)", error);
	putchar('\n');
	if (h->startup || h->readiness || h->liveness)
		printf(KEY "startup %s, readiness %s, liveness %s\n", "probes",
			pt_probe_label(h->startup), pt_probe_label(h->readiness),
			pt_probe_label(h->liveness));
	if (h->health_restarts)
		printf(KEY "%u%s\n", "for health", h->health_restarts,
			h->gave_up ? "; no further restart, the attempts are used up" : "");
	if (h->misconfigured)
		printf(KEY
			"what its specification says of its health can't be used; \"tend doctor\" says why\n",
			"not probed");
	if (v->monitor.brake_since_real_ns)
		printf(KEY "restarts for health are held back: %s\n", "brake",
			v->monitor.brake_reason);
	print_registry(v, r);
	if (!view_is_up(r) || !h->sampled_boot_ns || h->life != r->row.life.life)
		return;
	printf(KEY "%.1f%% CPU, %s memory, %u process%s, %u thread%s", "uses",
		h->cpu_permille / 10.0, phrase_bytes(h->memory_bytes, bytes), h->processes,
		h->processes == 1 ? "" : "es", h->threads, h->threads == 1 ? "" : "s");
	printf(" (%s ago)\n",
		clock_span(v->now_boot_ns > h->sampled_boot_ns ? v->now_boot_ns - h->sampled_boot_ns
							       : 0,
			span));
}

static void print_log(const struct view *v, const struct pt_row *row)
{
	char bytes[24], home[sizeof(v->info.home) * 4], when[CLOCK_TEXT_MAX];

	str_visible(home, sizeof(home), v->info.home);
	printf(KEY "%s/logs/%s.log", "log", home, row->ident.name);
	if (row->log.captured_bytes)
		printf(" (%s, last output at %s)", phrase_bytes(row->log.captured_bytes, bytes),
			clock_rfc3339(row->log.last_real_ns, when));
	putchar('\n');
}

/* Group and folder are not in the table but in the specification. */
static void print_stored(const char *name)
{
	struct home h = HOME_INIT;
	char file[NAME_MAX_BYTES + 8], folder[4 * PATH_MAX];
	struct spec s = { 0 };

	spec_file_name(name, file);
	if (home_open(NULL, HOME_READ, &h, NULL) == 0 && h.specs_fd >= 0 &&
		spec_load(h.specs_fd, file, &s, NULL) == 0) {
		if (s.group[0])
			printf(KEY "%s\n", "group", s.group);
		str_visible(folder, sizeof(folder), s.cwd);
		printf(KEY "%s\n", "folder", folder);
		spec_done(&s);
	}
	home_close(&h);
}

void detail_print(const struct view *v, const struct view_row *r)
{
	const struct pt_row *row = &r->row;
	char command[4 * PT_COMMAND_TEXT + 1], note[STORY_MAX], when[CLOCK_TEXT_MAX],
		next[STORY_MAX];

	str_visible(command, sizeof(command), row->ident.command);
	printf(KEY "%s\n", "name", row->ident.name);
	printf(KEY "%s, since %s", "state", view_state(r),
		clock_rfc3339(row->life.since_real_ns, when));
	printf(" (%s)\n", pt_reason_sentence(row->life.reason));
	if (story_note(v, r, note)[0])
		printf(KEY "%s\n", "why", note);
	print_run(v, r);
	print_health(v, r);
	print_policy(&row->ident);
	printf(KEY "%s%s\n", "command", command, row->ident.command_cut ? "\xe2\x80\xa6" : "");
	print_stored(row->ident.name);
	print_log(v, row);
	printf(KEY, "next");
	out_paragraph(story_next(v, r, next), 13);
}
