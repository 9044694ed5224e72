/* monitor/act.c - what is done about a process: restarts for health, the brake over them, checks by
 * the policy, limits. */
#include "monitor/act.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/say.h"
#include "base/str.h"
#include "monitor/alert.h"
#include "monitor/care_private.h"
#include "monitor/publish.h"
#include "shm/events.h"
#include "shm/owner.h"
#include "shm/wake.h"

#define LATE_SPREAD_MS 600000u /* over at most so long, and a tenth of the age */
/* a command that could not be posted, an answer that is not there yet */
#define RETRY_NS (200 * NS_PER_MS)

static const struct health_policy *policy_of(const struct care *c)
{
	return c->own && c->own->conf.has_policy ? &c->own->conf.policy
						 : &c->w->mo->shared->conf.health.policy;
}

static const struct health_limits *limits_of(const struct care *c)
{
	return c->own && c->own->conf.has_limits ? &c->own->conf.limits
						 : &c->w->mo->shared->conf.health.limits;
}

uint64_t act_check_interval_ns(const struct care *c)
{
	uint32_t s = c->own && c->own->conf.has_policy ? c->own->conf.policy.check_interval_s : 0;

	s = s ? s : c->check_interval_s;
	s = s ? s : policy_of(c)->check_interval_s;
	return (s ? s : c->w->mo->shared->conf.check_interval_s) * NS_PER_SEC;
}

/* --- restarts --- */

static void try_again(struct care *c)
{
	if (loop_timer_set(c->w->mo->loop, &c->retry, clock_boot_ns() + RETRY_NS))
		say(SAY_ERROR, "%s: no memory for a timer", c->w->name);
}

static void post(struct care *c)
{
	struct monitor *mo = c->w->mo;
	struct pt_request req = { .kind = PT_COMMAND_RESTART, .flags = c->flag };
	int r;

	if (policy_of(c)->health_check_timeout_s) {
		req.flags |= PT_FLAG_TIMEOUT;
		req.timeout_ms = policy_of(c)->health_check_timeout_s * 1000;
	}
	(void)str_copy(req.name, sizeof(req.name), c->w->name);
	r = pt_post(mo->pt, &req, 1, 1, &c->ticket);
	if (r > 0) {
		c->asked = true;
		c->posted_flag = c->flag;
		c->posted_life = c->w->life.life;
		c->flag = 0;
		(void)bell_ring(&mo->home, ROLE_SPAWNER);
	}
	try_again(c);
}

static void finish(struct care *c, bool worked, const char *text)
{
	struct watch *w = c->w;
	struct json_out o;

	c->asked = false;
	c->posted_flag = 0;
	policy_restarted(&c->policy, clock_boot_ns(), worked);
	if (worked) {
		w->health.health_restarts++;
		w->health.restarted_real_ns = clock_real_ns();
	} else {
		say(SAY_WARNING, "%s: the restart failed: %s", w->name, text);
	}
	publish_put(w);
	alert_begin(&o, worked ? "process_restarted" : "process_restart_failed", w->name);
	if (worked)
		json_int(&o, "new_pid", w->life.pid);
	json_u64(&o, "restart_count", c->policy.restarts);
	alert_send(w->mo, &o);
}

static void on_retry(void *arg)
{
	struct care *c = arg;
	struct pt_answer answer;
	int r;

	/* the one that was posted before the table was made again was carried out */
	if (c->flag && c->posted_flag && c->w->life.life != c->posted_life) {
		c->flag = c->posted_flag = 0;
		finish(c, true, "");
		return;
	}
	if (c->flag) {
		post(c);
		return;
	}
	if (!c->asked)
		return;
	r = pt_await(c->w->mo->pt, c->ticket, 0, &answer);
	if (r == -ETIMEDOUT || r == -EINTR) {
		/* the first time there may have been no descriptor for it */
		(void)bell_ring(&c->w->mo->home, ROLE_SPAWNER);
		try_again(c);
		return;
	}
	finish(c, r == 0 && answer.code == 0, r == 0 ? answer.text : strerror(-r));
}

void act_moved(struct watch *w)
{
	struct care *c = w->care;

	if (!c || !c->asked)
		return;
	c->asked = false; /* the ticket is of the old table, whose commands are gone */
	c->flag = c->posted_flag;
	try_again(c);
}

void act_init(struct care *c)
{
	loop_timer_init(&c->retry, on_retry, c);
}

/* Unless it is on its way already, or all are held back. */
static void ask_restart(struct care *c, uint8_t flag, const char *why)
{
	struct care_shared *s = c->w->mo->shared;

	if (c->asked || c->flag || s->brake.on)
		return;
	if (!budget_take(&s->budget, &s->conf.health, clock_boot_ns())) {
		say(SAY_WARNING, "%s: not restarted: too many restarts of unhealthy processes",
			c->w->name);
		return;
	}
	say(SAY_WARNING, "%s: restarting it: %s", c->w->name, why);
	c->flag = flag;
	post(c);
}

/* --- the brake --- */

/* Those that should be up, whether they are just now or not. */
static unsigned count_wanted(const struct monitor *mo)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < mo->slots; i++)
		n += mo->by_slot[i] && mo->by_slot[i]->life.want;
	return n;
}

void act_brake(struct care_shared *s, uint64_t now)
{
	struct pt_monitor *state = &s->mo->state;
	struct pt_event ev = { .kind = PT_EVENT_BRAKE };
	bool before = s->brake.on;
	unsigned count, processes = count_wanted(s->mo);

	if (brake_holds(&s->brake, &s->conf.health, processes, now, &count) == before &&
		!before == !state->brake_since_real_ns)
		return;
	ev.to = s->brake.on;
	ev.from = !s->brake.on;
	(void)str_copy(ev.name, sizeof(ev.name), "tend");
	state->brake_since_real_ns = s->brake.on ? clock_real_ns() : 0;
	state->brake_reason[0] = 0;
	if (s->brake.on)
		(void)snprintf(state->brake_reason, sizeof(state->brake_reason),
			"%u of %u processes turned unhealthy within %u s", count, processes,
			s->conf.health.brake_window_s);
	say(SAY_WARNING,
		s->brake.on ? "restarts of unhealthy processes are held back: %s"
			    : "restarts of unhealthy processes go on%s",
		state->brake_reason);
	pt_event_add(s->mo->pt, &ev);
	(void)pt_put_monitor(s->mo->pt, state);
	pt_changed(s->mo->pt);
}

/* --- checks --- */

/* 1 healthy, 0 not, -1 nothing to say: it is on the way somewhere, or rests on purpose. */
static int is_healthy(const struct watch *w)
{
	const struct pt_health *h = &w->health;

	if (w->life.state == PT_STATE_FAILED || w->life.state == PT_STATE_BACKOFF)
		return 0;
	if (w->life.state != PT_STATE_RUNNING || w->alive != VERDICT_ALIVE)
		return -1;
	if (h->startup == PT_PROBE_FAILING || h->liveness == PT_PROBE_FAILING)
		return 0;
	return h->startup == PT_PROBE_PENDING || h->liveness == PT_PROBE_PENDING ? -1 : 1;
}

static void act(struct care *c, unsigned actions)
{
	struct watch *w = c->w;
	struct json_out o;

	if (actions & POLICY_TELL_FAILED) {
		alert_begin(&o, "process_failed", w->name);
		alert_text(&o, "error", w->health.error);
		json_u64(&o, "consecutive_failures", c->policy.failures);
		alert_send(w->mo, &o);
	}
	if (actions & POLICY_TELL_RECOVERED) {
		alert_begin(&o, "process_recovered", w->name);
		json_u64(&o, "previous_failures", c->policy.previous);
		alert_send(w->mo, &o);
	}
	if (actions & POLICY_TELL_GAVE_UP) {
		alert_begin(&o, "gave_up", w->name);
		alert_text(&o, "error", w->health.error);
		json_u64(&o, "restart_count", c->policy.restarts);
		alert_send(w->mo, &o);
	}
	if ((actions & POLICY_RESTART) && w->life.state != PT_STATE_BACKOFF)
		ask_restart(c, PT_FLAG_UNHEALTHY, w->health.error);
}

void act_check(struct watch *w)
{
	struct care *c = w->care;
	uint64_t now = clock_boot_ns();
	int healthy = is_healthy(w);
	unsigned actions;

	if (!c || healthy < 0 || c->asked || c->flag)
		return;
	c->checked_ns = now;
	if (!healthy && c->policy.status != POLICY_UNHEALTHY) {
		brake_note(&w->mo->shared->brake, w->slot, now);
		act_brake(w->mo->shared, now);
	}
	actions = policy_check(policy_of(c), &c->policy, now, healthy);
	if (w->health.gave_up != c->policy.gave_up) {
		w->health.gave_up = c->policy.gave_up;
		publish_put(w);
	}
	act(c, actions);
}

/* --- limits --- */

void act_limits_begin(struct care *c)
{
	c->age_s = limits_of(c)->age_s;
	c->cpu_percent = limits_of(c)->cpu_percent;
	c->age_since_ns = c->cpu_over_ns = 0;
}

/* A limit that came or changed while the process ran counts from then on. */
static void take_limits(struct care *c, const struct health_limits *l, uint64_t now)
{
	if (c->age_s != l->age_s)
		c->age_since_ns = now;
	if (c->cpu_percent != l->cpu_percent)
		c->cpu_over_ns = 0;
	c->age_s = l->age_s;
	c->cpu_percent = l->cpu_percent;
}

/*
 * When its run has its greatest age. Some later than others, so that what was started together does
 * not end together; and what was too old already when the limit came does not either, with or
 * without a jitter.
 */
static uint64_t age_due(const struct care *c, const struct health_limits *l)
{
	uint64_t seed = str_hash(c->w->life.start_boot_ns, c->w->name, strlen(c->w->name));
	uint64_t due = c->w->life.start_boot_ns + l->age_s * NS_PER_SEC,
		 spread_ms = l->age_jitter_s * 1000ull;

	if (due < c->age_since_ns) {
		uint64_t least_ms = l->age_s * 100ull < LATE_SPREAD_MS ? l->age_s * 100ull
								       : LATE_SPREAD_MS;

		due = c->age_since_ns;
		spread_ms = spread_ms > least_ms ? spread_ms : least_ms;
	}
	return due + (spread_ms ? seed % spread_ms : 0) * NS_PER_MS;
}

static bool is_over(struct care *c, uint64_t now, char why[static 80])
{
	const struct health_limits *l = limits_of(c);
	const struct pt_health *h = &c->w->health;
	bool cpu;

	take_limits(c, l, now);
	cpu = l->cpu_percent && h->cpu_permille > l->cpu_percent * 10ull;

	if (!cpu)
		c->cpu_over_ns = 0;
	else if (!c->cpu_over_ns)
		c->cpu_over_ns = now;
	if (l->memory_bytes && h->memory_bytes > l->memory_bytes)
		(void)snprintf(why, 80, "it uses %llu bytes of memory",
			(unsigned long long)h->memory_bytes);
	else if (cpu && now - c->cpu_over_ns >= l->cpu_for_s * NS_PER_SEC)
		(void)snprintf(
			why, 80, "it uses %u.%u%% CPU", h->cpu_permille / 10, h->cpu_permille % 10);
	else if (l->open_files && h->files > l->open_files)
		(void)snprintf(why, 80, "it has %u open files", h->files);
	else if (l->age_s && now >= age_due(c, l))
		(void)snprintf(why, 80, "it has run for %u s", l->age_s);
	else
		return false;
	return true;
}

void act_on_limits(struct care *c, uint64_t now)
{
	struct watch *w = c->w;
	struct json_out o;
	char why[80];

	if (w->alive != VERDICT_ALIVE || w->life.state != PT_STATE_RUNNING ||
		!is_over(c, now, why)) {
		c->limit_told = false;
		return;
	}
	if (!c->limit_told) {
		alert_begin(&o, "process_failed", w->name);
		alert_text(&o, "error", why);
		json_bool(&o, "limit", true);
		alert_send(w->mo, &o);
		say(SAY_WARNING, "%s: over its limit: %s", w->name, why);
	}
	c->limit_told = true;
	if (limits_of(c)->restart)
		ask_restart(c, PT_FLAG_LIMIT, why);
}
