/* words/summary.c - how all of an instance is (words/summary.h). */
#include "words/summary.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "client/listed.h"
#include "client/phrase.h"
#include "words/story.h"

static void count_agent(struct summary *s, const struct view_row *r)
{
	bool up = view_is_up(r);

	s->agents++;
	s->agents_running += up;
	s->registered += listed_has(r);
	s->healthy += up && r->row.health.verdict == PT_HEALTH_HEALTHY;
}

void summary_count(struct summary *s, const struct view_row *r)
{
	s->n++;
	if (r->gone || r->row.life.state == PT_STATE_FAILED)
		s->failed++;
	else if (pt_state_traits(r->row.life.state) & PT_TRAIT_REST)
		s->at_rest++;
	else if (r->row.life.state != PT_STATE_RUNNING)
		s->on_the_way++;
	else
		s->running++;
	s->unhealthy += story_is_unhealthy(r);
	s->uncaptured += r->log_error != 0;
	s->unregistered += story_is_unregistered(r) && !story_is_unhealthy(r);
	if (r->row.ident.service == PT_SERVICE_AGENT)
		count_agent(s, r);
	if (view_is_sampled(r)) {
		s->sampled++;
		s->memory_bytes += r->row.health.memory_bytes;
		s->cpu_permille += r->row.health.cpu_permille;
	}
}

void summary_headline(FILE *to, const struct summary *s, const struct view *v, tone_painter *paint)
{
	bool healthy = s->failed == 0 && s->on_the_way == 0 && s->unhealthy == 0 &&
		s->unregistered == 0 && s->uncaptured == 0;
	const char *word = !v->supervised ? "UNSUPERVISED" : healthy ? "HEALTHY" : "DEGRADED";
	enum tone tone = !v->supervised ? TONE_BAD : healthy ? TONE_GOOD : TONE_WARNING;

	fprintf(to, "%s%s%s: %zu process%s, %zu running", paint ? paint(tone) : "", word,
		paint ? paint(TONE_PLAIN) : "", s->n, s->n == 1 ? "" : "es", s->running);
	if (s->unhealthy)
		fprintf(to, " (%zu unhealthy)", s->unhealthy);
	if (s->unregistered)
		fprintf(to, " (%zu not registered)", s->unregistered);
	if (s->uncaptured)
		fprintf(to, " (%zu not captured)", s->uncaptured);
	if (s->on_the_way)
		fprintf(to, ", %zu on the way", s->on_the_way);
	if (s->failed)
		fprintf(to, ", %zu failed", s->failed);
	if (s->at_rest)
		fprintf(to, ", %zu at rest", s->at_rest);
	if (v->unreadable)
		fprintf(to, ", %zu unreadable", v->unreadable);
	putc('\n', to);
}

void summary_agents(FILE *to, const struct summary *s, const struct view *v)
{
	if (s->agents && v->monitor.registry_url[0])
		fprintf(to, "agents: %zu/%zu running, %zu/%zu registered, %zu/%zu healthy\n",
			s->agents_running, s->agents, s->registered, s->agents, s->healthy,
			s->agents);
}

static bool all_daemons_run(const struct view *v)
{
	for (unsigned role = 0; role < ROLE_MAX; role++)
		if (strcmp(view_daemon_state(&v->daemon[role]), "running") != 0)
			return false;
	return true;
}

static void put_daemon(FILE *to, const struct view *v, unsigned role, bool verbose)
{
	const struct view_daemon *d = &v->daemon[role];
	char span[CLOCK_TEXT_MAX];

	fprintf(to, "%s %s %s", role ? "," : "", role_name(role), view_daemon_state(d));
	if (!view_daemon_lives(d))
		return;
	fprintf(to, " (pid %d", d->rec.pid);
	if (verbose && v->now_boot_ns > d->rec.since_boot_ns)
		fprintf(to, ", for %s", clock_span(v->now_boot_ns - d->rec.since_boot_ns, span));
	if (verbose && d->rec.restarts)
		fprintf(to, ", %u restart%s", d->rec.restarts, d->rec.restarts == 1 ? "" : "s");
	putc(')', to);
}

void summary_trust(FILE *to, const struct view *v, bool verbose)
{
	char span[CLOCK_TEXT_MAX], when[CLOCK_TEXT_MAX], error[4 * sizeof(v->monitor.conf_error)];

	if (verbose || !all_daemons_run(v)) {
		fputs("daemons:", to);
		for (unsigned role = 0; role < ROLE_MAX; role++)
			put_daemon(to, v, role, verbose);
		putc('\n', to);
	}
	if (!v->supervised && v->written_real_ns)
		fprintf(to, "no spawner is at work: the table was last written %s ago, at %s%s\n",
			clock_span(v->now_real_ns > v->written_real_ns
					? v->now_real_ns - v->written_real_ns
					: 0,
				span),
			clock_rfc3339(v->written_real_ns, when),
			v->foreign ? "" : "; pids were verified just now");
	if (v->foreign)
		fprintf(to,
			"pids are those of another PID namespace, or /proc is missing: what they stand for can't be told from here\n");
	if (!v->same_boot)
		fprintf(to, "the table is from before the last boot\n");
	if (v->monitor.brake_since_real_ns)
		fprintf(to, "restarts of unhealthy processes are held back: %s\n",
			v->monitor.brake_reason);
	if (v->monitor.stuck_commands)
		fprintf(to,
			"%u command%s of probes or alerts can't be killed; \"tend doctor\" tells more\n",
			v->monitor.stuck_commands, v->monitor.stuck_commands == 1 ? "" : "s");
	if (v->monitor.conf_error[0] && str_visible(error, sizeof(error), v->monitor.conf_error))
		fprintf(to, "%s\n", error);
}

void summary_performance(FILE *to, const struct summary *s)
{
	uint64_t each = s->sampled ? s->cpu_permille / s->sampled : 0;
	char bytes[24];

	fprintf(to, "performance: %zu active, %s memory, %llu.%llu%% CPU, %llu.%llu%% each\n",
		s->running, phrase_bytes(s->memory_bytes, bytes),
		(unsigned long long)s->cpu_permille / 10, (unsigned long long)s->cpu_permille % 10,
		(unsigned long long)each / 10, (unsigned long long)each % 10);
}

void summary_registry(FILE *to, const struct view *v)
{
	const struct pt_monitor *m = &v->monitor;
	char url[4 * sizeof(m->registry_url)], error[4 * sizeof(m->registry_error)];

	if (!m->registry_url[0])
		return;
	str_visible(url, sizeof(url), m->registry_url);
	str_visible(error, sizeof(error), m->registry_error);
	fprintf(to, "registry: %s %s", url, pt_registry_label(m->registry_state));
	if (m->registry_state == PT_REGISTRY_REACHABLE)
		fprintf(to, ", %u agent%s listed\n", m->registry_agents,
			m->registry_agents == 1 ? "" : "s");
	else
		fprintf(to, "%s%s\n", error[0] ? ": " : "", error);
}
