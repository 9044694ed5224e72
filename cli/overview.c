/* cli/overview.c - "tend status" without names (cli/overview.h). */
#include "cli/overview.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/columns.h"
#include "cli/out.h"
#include "client/foreign.h"
#include "client/group.h"
#include "client/listed.h"
#include "client/phrase.h"
#include "words/story.h"

struct overview {
	size_t n, running, at_rest, failed, on_the_way, unhealthy, unregistered, uncaptured;
	size_t agents, agents_running, registered, healthy;
	size_t sampled; /* of which these are the sums */
	uint64_t memory_bytes, cpu_permille;
	struct texttable *table;
	char **note; /* why some of them are not running */
	size_t notes, notes_size;
};

static void count_agent(struct overview *o, const struct view_row *r)
{
	bool up = view_is_up(r);

	o->agents++;
	o->agents_running += up;
	o->registered += listed_has(r);
	o->healthy += up && r->row.health.verdict == PT_HEALTH_HEALTHY;
}

static void count(struct overview *o, const struct view_row *r)
{
	o->n++;
	if (r->gone || r->row.life.state == PT_STATE_FAILED)
		o->failed++;
	else if (pt_state_traits(r->row.life.state) & PT_TRAIT_REST)
		o->at_rest++;
	else if (r->row.life.state != PT_STATE_RUNNING)
		o->on_the_way++;
	else
		o->running++;
	o->unhealthy += story_is_unhealthy(r);
	o->uncaptured += r->log_error != 0;
	o->unregistered += story_is_unregistered(r) && !story_is_unhealthy(r);
	if (r->row.ident.service == PT_SERVICE_AGENT)
		count_agent(o, r);
	if (view_is_sampled(r)) {
		o->sampled++;
		o->memory_bytes += r->row.health.memory_bytes;
		o->cpu_permille += r->row.health.cpu_permille;
	}
}

/* A time to come is no sign of life. One that lies back is told with the verdict. */
static bool note_clock(const struct view_row *r, char note[static STORY_MAX])
{
	char seen[PHRASE_MAX];

	if (!view_is_up(r) || r->row.health.registry_seen_real_ns <= r->row.health.listed_real_ns ||
		!phrase_seen(&r->row.health, seen)[0])
		return false;
	(void)snprintf(note, STORY_MAX,
		"a clock is wrong: the registry has it last seen %.40s by its clock", seen);
	return true;
}

static bool add_note(struct overview *o, const struct view *v, const struct view_row *r)
{
	char note[STORY_MAX], *line = NULL;

	if (!story_note(v, r, note)[0] && !note_clock(r, note))
		return true;
	if (o->notes == o->notes_size) {
		size_t size = 2 * o->notes_size + 16;
		char **more = realloc(o->note, size * sizeof(*more));

		if (!more)
			return false;
		o->note = more;
		o->notes_size = size;
	}
	if (asprintf(&line, "%s: %s: %s\n", r->row.ident.name, view_state(r), note) < 0)
		return false;
	o->note[o->notes++] = line;
	return true;
}

static int by_text(const void *a, const void *b)
{
	char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static void print_headline(const struct overview *o, const struct view *v)
{
	bool healthy = o->failed == 0 && o->on_the_way == 0 && o->unhealthy == 0 &&
		o->unregistered == 0 && o->uncaptured == 0;
	const char *word = !v->supervised ? "UNSUPERVISED" : healthy ? "HEALTHY" : "DEGRADED";
	enum term_colour colour = !v->supervised ? TERM_RED : healthy ? TERM_GREEN : TERM_YELLOW;

	printf("%s%s%s: %zu process%s, %zu running", term_colour(colour), word,
		term_colour(TERM_PLAIN), o->n, o->n == 1 ? "" : "es", o->running);
	if (o->unhealthy)
		printf(" (%zu unhealthy)", o->unhealthy);
	if (o->unregistered)
		printf(" (%zu not registered)", o->unregistered);
	if (o->uncaptured)
		printf(" (%zu not captured)", o->uncaptured);
	if (o->on_the_way)
		printf(", %zu on the way", o->on_the_way);
	if (o->failed)
		printf(", %zu failed", o->failed);
	if (o->at_rest)
		printf(", %zu at rest", o->at_rest);
	if (v->unreadable)
		printf(", %zu unreadable", v->unreadable);
	putchar('\n');
}

/* The reference's counters, where a registry is known. */
static void print_agents(const struct overview *o, const struct view *v)
{
	if (o->agents && v->monitor.registry_url[0])
		printf("agents: %zu/%zu running, %zu/%zu registered, %zu/%zu healthy\n",
			o->agents_running, o->agents, o->registered, o->agents, o->healthy,
			o->agents);
}

static bool all_daemons_run(const struct view *v)
{
	for (unsigned role = 0; role < ROLE_MAX; role++)
		if (strcmp(view_daemon_state(&v->daemon[role]), "running") != 0)
			return false;
	return true;
}

static void print_daemon(const struct view *v, unsigned role, bool verbose)
{
	const struct view_daemon *d = &v->daemon[role];
	char span[CLOCK_TEXT_MAX];

	printf("%s %s %s", role ? "," : "", role_name(role), view_daemon_state(d));
	if (!view_daemon_lives(d))
		return;
	printf(" (pid %d", d->rec.pid);
	if (verbose && v->now_boot_ns > d->rec.since_boot_ns)
		printf(", for %s", clock_span(v->now_boot_ns - d->rec.since_boot_ns, span));
	if (verbose && d->rec.restarts)
		printf(", %u restart%s", d->rec.restarts, d->rec.restarts == 1 ? "" : "s");
	putchar(')');
}

void overview_trust(const struct view *v, bool verbose)
{
	char span[CLOCK_TEXT_MAX], when[CLOCK_TEXT_MAX], error[4 * sizeof(v->monitor.conf_error)];

	if (verbose || !all_daemons_run(v)) {
		fputs("daemons:", stdout);
		for (unsigned role = 0; role < ROLE_MAX; role++)
			print_daemon(v, role, verbose);
		putchar('\n');
	}
	if (!v->supervised && v->written_real_ns)
		printf("no spawner is at work: the table was last written %s ago, at %s%s\n",
			clock_span(v->now_real_ns > v->written_real_ns
					? v->now_real_ns - v->written_real_ns
					: 0,
				span),
			clock_rfc3339(v->written_real_ns, when),
			v->foreign ? "" : "; pids were verified just now");
	if (v->foreign)
		printf("pids are those of another PID namespace, or /proc is missing: what they stand for can't be told from here\n");
	if (!v->same_boot)
		printf("the table is from before the last boot\n");
	if (v->monitor.brake_since_real_ns)
		printf("restarts of unhealthy processes are held back: %s\n",
			v->monitor.brake_reason);
	if (v->monitor.stuck_commands)
		printf("%u command%s of probes or alerts can't be killed; \"tend doctor\" tells more\n",
			v->monitor.stuck_commands, v->monitor.stuck_commands == 1 ? "" : "s");
	if (v->monitor.conf_error[0] && str_visible(error, sizeof(error), v->monitor.conf_error))
		printf("%s\n", error);
}

/* Groups are in the specifications, thousands of small files: only who wants to know more pays for
 * them. */
static unsigned columns_for(const struct instance *in, struct view *v, bool verbose)
{
	char **groups = NULL;
	struct fault f;
	size_t n = 0;

	if (!verbose || group_all(&in->home, &groups, &n, &f) < 0)
		return COLUMN_STATUS;
	group_free(groups, n);
	v->home = n ? &in->home : NULL;
	return n ? COLUMN_STATUS | COLUMN_GROUP : COLUMN_STATUS;
}

static bool collect(const struct instance *in, struct overview *o, struct view *v, bool verbose)
{
	uint32_t high = pt_high(in->pt);
	struct view_row r;
	unsigned sets;

	view_begin(in, v);
	sets = columns_for(in, v, verbose);
	o->table = columns_table(sets);
	if (!o->table)
		return false;
	for (uint32_t slot = 0; slot < high; slot++) {
		if (view_read(in, v, slot, &r) < 0)
			continue;
		count(o, &r);
		columns_add(o->table, v, &r, sets);
		if (!add_note(o, v, &r))
			return false;
	}
	return texttable_whole(o->table);
}

/* The reference's "performance metrics". */
static void print_performance(const struct overview *o)
{
	uint64_t each = o->sampled ? o->cpu_permille / o->sampled : 0;

	char bytes[24];

	printf("performance: %zu active, %s memory, %llu.%llu%% CPU, %llu.%llu%% each\n",
		o->running, phrase_bytes(o->memory_bytes, bytes),
		(unsigned long long)o->cpu_permille / 10, (unsigned long long)o->cpu_permille % 10,
		(unsigned long long)each / 10, (unsigned long long)each % 10);
}

/* The one that agents are looked up at. */
static void print_registry(const struct view *v)
{
	const struct pt_monitor *m = &v->monitor;
	char url[4 * sizeof(m->registry_url)], error[4 * sizeof(m->registry_error)];

	if (!m->registry_url[0])
		return;
	str_visible(url, sizeof(url), m->registry_url);
	str_visible(error, sizeof(error), m->registry_error);
	printf("registry: %s %s", url, pt_registry_label(m->registry_state));
	if (m->registry_state == PT_REGISTRY_REACHABLE)
		printf(", %u agent%s listed\n", m->registry_agents,
			m->registry_agents == 1 ? "" : "s");
	else
		printf("%s%s\n", error[0] ? ": " : "", error);
}

static void print_foreign(const struct home *h)
{
	struct foreign f;

	foreign_load(h, &f);
	for (size_t i = 0; i < f.n; i++)
		printf("%s: runs as process %d, not supervised: mcp_mesh_dev has started it\n",
			f.entry[i]->string, foreign_pid(f.entry[i]));
	foreign_done(&f);
}

static void print(struct overview *o, const struct view *v, const struct home *h, bool verbose)
{
	print_headline(o, v);
	print_agents(o, v);
	if (o->n) {
		texttable_sort(o->table);
		texttable_print(o->table, term_width());
	}
	if (o->notes)
		qsort(o->note, o->notes, sizeof(*o->note), by_text);
	for (size_t i = 0; i < o->notes; i++)
		fputs(o->note[i], stdout);
	print_foreign(h);
	if (verbose)
		print_performance(o);
	if (verbose || o->agents)
		print_registry(v);
	overview_trust(v, verbose);
}

/* No table, but who would have to make it. */
static bool tell_tableless(const struct home *h)
{
	pid_t pid;
	uint64_t start;

	for (unsigned role = 0; role < ROLE_MAX; role++) {
		if (h->run_fd < 0 || role_holder(h->run_fd, role, &pid, &start) < 0)
			continue;
		(void)out_fail(
			"the daemons of %s run (the %s is process %d) and look after its processes, but have no process table; %s/logs/tend.log tells why",
			h->path, role_name(role), (int)pid, h->path);
		return true;
	}
	return false;
}

int overview_print(bool verbose)
{
	struct instance in = INSTANCE_NONE;
	struct overview o = { 0 };
	struct fault f = { "" };
	struct view v;
	int r = instance_open(&in, NULL, PT_READER, &f), status = EXIT_OK;

	if (r == -ENOENT && tell_tableless(&in.home)) {
		status = EXIT_FAIL;
	} else if (r == -ENOENT) {
		size_t left = instance_left(&in.home);

		if (left)
			printf("not running, but %zu of its processes %s: \"tend start\" takes %s over\n",
				left, left == 1 ? "is" : "are", left == 1 ? "it" : "them");
		else
			printf("not running\n");
		print_foreign(&in.home);
	} else if (r < 0) {
		status = out_fail("%s", f.text);
	} else if (collect(&in, &o, &v, verbose)) {
		print(&o, &v, &in.home, verbose);
	} else {
		status = out_fail("out of memory");
	}
	while (o.notes)
		free(o.note[--o.notes]);
	free(o.note);
	texttable_free(o.table);
	instance_close(&in);
	return status;
}
