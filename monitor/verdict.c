/*
 * monitor/verdict.c - see monitor/verdict.h.
 */
#define _GNU_SOURCE 1
#include "monitor/verdict.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/str.h"

/* Someone asked for the end, or the end was the process's own and no policy minds. */
static bool rests_on_purpose(const struct pt_life *life)
{
	return life->state == PT_STATE_STOPPED || life->state == PT_STATE_COMPLETED ||
		life->state == PT_STATE_STOPPING || !life->want;
}

enum pt_verdict verdict_of(const struct pt_life *life, unsigned service, enum verdict_alive alive)
{
	unsigned traits = pt_state_traits(life->state);

	if (life->state == PT_STATE_FAILED || life->state == PT_STATE_BACKOFF)
		return PT_HEALTH_FAILED;
	if (!(traits & PT_TRAIT_PID))
		return PT_HEALTH_UNKNOWN;
	if (alive == VERDICT_ENDED && !rests_on_purpose(life))
		return PT_HEALTH_FAILED;
	if (alive != VERDICT_ALIVE)
		return PT_HEALTH_UNKNOWN;
	return service == PT_SERVICE_AGENT ? PT_HEALTH_UNKNOWN : PT_HEALTH_HEALTHY;
}

static uint64_t ns_between(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

/* What the registry says about an agent. */
static enum pt_verdict registry_verdict(const struct pt_life *life, const struct pt_health *h,
	const struct verdict_facts *facts, char error[static VERDICT_ERROR_MAX])
{
	char age[CLOCK_TEXT_MAX];
	bool of_earlier_run = h->registry_seen_real_ns &&
		h->registry_seen_real_ns + 1000000000ull < life->start_real_ns;

	if (h->listing == PT_LISTING_NONE) {
		(void)str_copy(error, VERDICT_ERROR_MAX,
			"it was started without a registry, and has no probes");
		return PT_HEALTH_UNKNOWN;
	}
	if (facts->registry_state != PT_REGISTRY_REACHABLE || h->listing == PT_LISTING_UNKNOWN) {
		bool failed = facts->registry_state == PT_REGISTRY_UNREACHABLE;

		(void)str_copy(error, VERDICT_ERROR_MAX,
			failed ? facts->registry_error : "the registry was not asked yet");
		return PT_HEALTH_UNKNOWN;
	}
	if (h->listing == PT_LISTING_MISSING) {
		(void)snprintf(error, VERDICT_ERROR_MAX, "%s at %.40s",
			facts->was_listed ? "no longer registered" : "not registered",
			facts->registry_url);
		return facts->was_listed ? PT_HEALTH_UNHEALTHY : PT_HEALTH_UNKNOWN;
	}
	if (of_earlier_run && facts->is_new) {
		(void)snprintf(error, VERDICT_ERROR_MAX,
			"the registry has not heard of it yet: last seen %s ago by its clock",
			clock_rough(ns_between(h->registry_seen_real_ns, h->listed_real_ns), age));
		return PT_HEALTH_UNKNOWN;
	}
	if (h->registry_alive) {
		error[0] = 0;
		return PT_HEALTH_HEALTHY;
	}
	(void)snprintf(error, VERDICT_ERROR_MAX, "the registry says %s",
		h->registry_status[0] ? h->registry_status : "nothing of its status");
	if (strcmp(h->registry_status, "active") == 0 || strcmp(h->registry_status, "healthy") == 0)
		(void)snprintf(error, VERDICT_ERROR_MAX,
			"the registry has not heard of it: last seen %s ago by its clock",
			clock_rough(ns_between(h->registry_seen_real_ns, h->listed_real_ns), age));
	return strcmp(h->registry_status, "degraded") == 0 ? PT_HEALTH_DEGRADED
							   : PT_HEALTH_UNHEALTHY;
}

static bool has_probe(const struct pt_health *h, enum pt_probe state)
{
	return h->startup == state || h->liveness == state || h->readiness == state;
}

enum pt_verdict verdict_refine(enum pt_verdict base, unsigned service, const struct pt_life *life,
	const struct pt_health *h, const struct verdict_facts *facts,
	char error[static VERDICT_ERROR_MAX])
{
	bool probed = h->startup != PT_PROBE_NONE || h->liveness != PT_PROBE_NONE ||
		h->readiness != PT_PROBE_NONE;
	enum pt_verdict v;

	if (h->startup == PT_PROBE_FAILING || h->liveness == PT_PROBE_FAILING)
		return PT_HEALTH_UNHEALTHY; /* the probe has left its error */
	if (h->readiness == PT_PROBE_FAILING)
		return PT_HEALTH_DEGRADED;
	if (has_probe(h, PT_PROBE_PENDING)) {
		(void)str_copy(error, VERDICT_ERROR_MAX,
			facts->not_probed && facts->not_probed[0]
				? facts->not_probed
				: "its probes have not decided yet");
		return PT_HEALTH_UNKNOWN;
	}
	if (service != PT_SERVICE_AGENT) {
		v = probed ? PT_HEALTH_HEALTHY : base;
		if (v == PT_HEALTH_HEALTHY)
			error[0] = 0; /* it may be how an earlier run ended */
		return v;
	}
	v = registry_verdict(life, h, facts, error);
	if (!probed || v == PT_HEALTH_HEALTHY)
		return v;
	if (v == PT_HEALTH_UNKNOWN) {
		error[0] = 0;
		return PT_HEALTH_HEALTHY;
	}
	return PT_HEALTH_DEGRADED;
}

static void exit_error(const struct pt_life *life, char buf[static VERDICT_ERROR_MAX])
{
	char text[24];

	if (life->exit_kind != PT_EXIT_KNOWN)
		(void)snprintf(buf, VERDICT_ERROR_MAX, "it ended; how is not known");
	else if (WIFSIGNALED(life->wait_status))
		(void)snprintf(buf, VERDICT_ERROR_MAX, "it was killed by %s",
			str_signal_name(WTERMSIG(life->wait_status), text));
	else
		(void)snprintf(buf, VERDICT_ERROR_MAX, "it exited with status %d",
			WEXITSTATUS(life->wait_status));
}

void verdict_error(const struct pt_life *life, char buf[static VERDICT_ERROR_MAX])
{
	const char *why = life->launch_errno > 0 ? strerrordesc_np(life->launch_errno) : NULL;

	if (pt_state_traits(life->state) & PT_TRAIT_PID)
		(void)snprintf(buf, VERDICT_ERROR_MAX,
			"it ended and the spawner has not dealt with it yet");
	else if (life->launch_errno > 0)
		(void)snprintf(buf, VERDICT_ERROR_MAX, "its program could not be executed: %s",
			why ? why : "unknown error");
	else
		exit_error(life, buf);
}

uint32_t verdict_failures(uint32_t failures, enum pt_verdict from, enum pt_verdict to)
{
	if (to != PT_HEALTH_FAILED || from == PT_HEALTH_FAILED)
		return failures;
	return failures < UINT32_MAX ? failures + 1 : failures;
}
