/*
 * monitor/verdict.c - see monitor/verdict.h.
 */
#define _GNU_SOURCE 1
#include "monitor/verdict.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

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

static void exit_error(const struct pt_life *life, char buf[static VERDICT_ERROR_MAX])
{
	char text[24];

	if (life->exit_kind != PT_EXIT_KNOWN)
		(void)snprintf(buf, VERDICT_ERROR_MAX, "it ended; how is not known");
	else if (WIFSIGNALED(life->wait_status))
		(void)snprintf(buf, VERDICT_ERROR_MAX, "it was killed by %s",
			str_signal_name(WTERMSIG(life->wait_status), text));
	else
		(void)snprintf(buf, VERDICT_ERROR_MAX, "it exited with status %d", WEXITSTATUS(life->wait_status));
}

void verdict_error(const struct pt_life *life, char buf[static VERDICT_ERROR_MAX])
{
	const char *why = life->launch_errno > 0 ? strerrordesc_np(life->launch_errno) : NULL;

	if (pt_state_traits(life->state) & PT_TRAIT_PID)
		(void)snprintf(buf, VERDICT_ERROR_MAX, "it ended and the spawner has not dealt with it yet");
	else if (life->launch_errno > 0)
		(void)snprintf(
			buf, VERDICT_ERROR_MAX, "its program could not be executed: %s", why ? why : "unknown error");
	else
		exit_error(life, buf);
}

uint32_t verdict_failures(uint32_t failures, enum pt_verdict from, enum pt_verdict to)
{
	if (to != PT_HEALTH_FAILED || from == PT_HEALTH_FAILED)
		return failures;
	return failures < UINT32_MAX ? failures + 1 : failures;
}
