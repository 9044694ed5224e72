/* monitor/probe_result.c - what a result decides: thresholds, when the next one is made, and
 * whether the process is judged otherwise now (monitor/probe.h). */
#include <stdio.h>

#include "base/clock.h"
#include "base/say.h"
#include "base/str.h"
#include "monitor/act.h"
#include "monitor/judge.h"
#include "monitor/probe.h"

/* then twice that, and so on, up to the interval, until it has passed once */
#define FIRST_AGAIN_MS 200u

void probe_arm(struct probe *p, uint64_t after_ms)
{
	if (loop_timer_set(p->w->mo->loop, &p->timer, clock_boot_ns() + after_ms * NS_PER_MS))
		say(SAY_ERROR, "%s: no memory for a timer; it is not probed any more", p->w->name);
}

static void count(struct probe *p, bool passed, const char *why)
{
	static const char *const words[HEALTH_PROBES] = { "startup", "readiness", "liveness" };
	struct pt_health *h = &p->w->health;

	h->probed_real_ns = clock_real_ns();
	p->has_passed |= passed;
	p->counted_ns = clock_boot_ns();
	if (p->suspended)
		p->w->not_probed[0] = 0;
	p->suspended = false;
	p->passes = passed ? p->passes + 1 : 0;
	p->fails = passed ? 0 : p->fails + 1;
	if (passed) {
		h->probe_us = (uint32_t)((clock_boot_ns() - p->began_ns) / 1000);
		if (p->passes >= p->conf->success_threshold)
			*p->state = PT_PROBE_PASSING;
	} else if (p->fails >= p->conf->failure_threshold) {
		*p->state = PT_PROBE_FAILING;
		(void)snprintf(h->error, sizeof(h->error), "%s probe: %s", words[p->when], why);
	}
}

/* It can't be made: what it said before is not known to hold any more. */
static void suspend(struct probe *p, const char *why)
{
	if (!p->suspended)
		say(SAY_WARNING, "%s: %s", p->w->name, why);
	(void)str_copy(p->w->not_probed, sizeof(p->w->not_probed), why);
	p->suspended = true;
	*p->state = PT_PROBE_PENDING;
	p->passes = p->fails = 0;
}

/* Those that have waited for the startup probe are made at once. */
static void let_others_begin(struct probe *startup)
{
	struct probe *all = startup - startup->when;

	for (unsigned i = 0; i < HEALTH_PROBES; i++)
		if (all[i].startup == startup && !all[i].busy &&
			all[i].conf->kind != HEALTH_NO_PROBE)
			probe_arm(&all[i], 0);
}

/* When a failure counts again: what is tried more often while a process starts must not make it
 * fail any sooner. */
static uint64_t due_ns(const struct probe *p)
{
	return p->counted_ns ? p->counted_ns + p->conf->interval_ms * NS_PER_MS : 0;
}

/* A service that is up in a moment does not wait for a whole interval until it is healthy. */
static uint64_t pause_ms(struct probe *p)
{
	uint64_t now = clock_boot_ns(), ms = p->conf->interval_ms;

	if (p->has_passed || *p->state == PT_PROBE_PASSING || p->tries >= 20)
		return ms;
	if ((uint64_t)FIRST_AGAIN_MS << p->tries < ms)
		ms = (uint64_t)FIRST_AGAIN_MS << p->tries;
	p->tries++;
	if (due_ns(p) > now && due_ns(p) - now < ms * NS_PER_MS)
		ms = (due_ns(p) - now + NS_PER_MS - 1) / NS_PER_MS;
	return ms;
}

static bool counts(const struct probe *p, enum probe_result result)
{
	return result == PROBE_PASSED || p->has_passed || *p->state == PT_PROBE_PASSING ||
		clock_boot_ns() >= due_ns(p);
}

void probe_done(struct probe *p, enum probe_result result, const char *why)
{
	uint8_t before = *p->state;

	p->busy = false;
	if (result != PROBE_NO_RESULT && !counts(p, result)) {
		result = PROBE_NO_RESULT;
		why = "";
	}
	if (result != PROBE_NO_RESULT)
		count(p, result == PROBE_PASSED, why);
	else if (why[0])
		suspend(p, why);
	if (p->when == HEALTH_STARTUP && *p->state == PT_PROBE_PASSING)
		loop_timer_clear(p->w->mo->loop, &p->timer);
	else
		probe_arm(p, pause_ms(p));
	if (p->when == HEALTH_STARTUP && *p->state == PT_PROBE_PASSING &&
		before != PT_PROBE_PASSING)
		let_others_begin(p);
	judge(p->w);
	if (*p->state != before)
		act_check(p->w);
}
