/* monitor/probe.c - see monitor/probe.h. */
#include "monitor/probe.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/say.h"
#include "base/str.h"
#include "monitor/care.h"

/* then twice that, and so on, up to the interval, until it has passed once */
#define FIRST_AGAIN_MS 200u
/* libcurl keeps the time of its requests itself; this is for the others */
#define LIMIT_SLACK_MS 200u

static void arm(struct probe *p, uint64_t after_ms)
{
	if (loop_timer_set(p->w->mo->loop, &p->timer, clock_boot_ns() + after_ms * NS_PER_MS))
		say(SAY_ERROR, "%s: no memory for a timer; it is not probed any more", p->w->name);
}

static void cancel(struct probe *p)
{
	http_cancel(p->w->mo->http, p->call);
	p->call = NULL;
	probe_mcp_cancel(p);
	run_kill(p->command);
	p->busy = false;
}

static void begin(struct probe *p)
{
	p->busy = true;
	p->began_ns = clock_boot_ns();
	arm(p, p->conf->timeout_ms + LIMIT_SLACK_MS);
	switch (p->conf->kind) {
	case HEALTH_EXEC:
		probe_exec_begin(p);
		break;
	case HEALTH_LOG:
		probe_log_begin(p);
		break;
	case HEALTH_MCP:
		probe_mcp_begin(p);
		break;
	default:
		probe_http_begin(p);
	}
}

static void on_timer(void *arg)
{
	struct probe *p = arg;

	if (p->busy) {
		cancel(p);
		probe_done(p, PROBE_FAILED, "it took longer than its timeout");
	} else if (!p->startup || *p->startup->state == PT_PROBE_PASSING) {
		begin(p);
	} /* else the startup probe arms it when it passes */
}

void probe_start(struct probe *p)
{
	uint64_t since = (clock_boot_ns() - p->w->life.start_boot_ns) / NS_PER_MS;

	loop_timer_init(&p->timer, on_timer, p);
	if (p->conf->kind == HEALTH_NO_PROBE) {
		*p->state = PT_PROBE_NONE;
		return;
	}
	/* a new run: what the last one failed does not count against it */
	if (*p->state == PT_PROBE_NONE) {
		*p->state = PT_PROBE_PENDING;
		p->passes = p->fails = p->tries = 0;
		p->has_passed = false;
		p->counted_ns = 0;
		probe_log_start(p);
	} else if (!p->watched_ns) {
		probe_log_start(p); /* of an earlier monitor */
	}
	if (p->when == HEALTH_STARTUP && *p->state == PT_PROBE_PASSING)
		return; /* an earlier monitor saw it */
	arm(p, since < p->conf->initial_delay_ms ? p->conf->initial_delay_ms - since : 0);
}

void probe_stop(struct probe *p)
{
	if (!p->w)
		return;
	cancel(p);
	run_leave(&p->command);
	probe_log_stop(p);
	loop_timer_clear(p->w->mo->loop, &p->timer);
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
			arm(&all[i], 0);
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
		arm(p, pause_ms(p));
	if (p->when == HEALTH_STARTUP && *p->state == PT_PROBE_PASSING &&
		before != PT_PROBE_PASSING)
		let_others_begin(p);
	watch_judge(p->w);
	if (*p->state != before)
		care_check(p->w);
}
