/* monitor/probe.c - see monitor/probe.h. */
#include "monitor/probe.h"

#include "base/clock.h"

/* libcurl keeps the time of its requests itself; this is for the others */
#define LIMIT_SLACK_MS 200u

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
	probe_arm(p, p->conf->timeout_ms + LIMIT_SLACK_MS);
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
	probe_arm(p, since < p->conf->initial_delay_ms ? p->conf->initial_delay_ms - since : 0);
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
