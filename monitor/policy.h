/*
 * monitor/policy.h - the monitoring policy: what follows from the checks of one process. Pure: time
 * comes in.
 *
 * The reference's: on the edge to unhealthy an alert; then, while it stays so, a restart at each
 * check that the attempts and the cooldown allow. A restart that worked makes the failures 0, so
 * that the healthy check behind it is no recovery.
 */
#ifndef MONITOR_POLICY_H
#define MONITOR_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "config/health.h"

enum policy_status { POLICY_UNKNOWN, POLICY_HEALTHY, POLICY_UNHEALTHY };
enum policy_action {
	POLICY_TELL_FAILED = 1,
	POLICY_TELL_RECOVERED = 2,
	POLICY_RESTART = 4,
	POLICY_TELL_GAVE_UP = 8
};

struct policy_state {
	enum policy_status status;
	uint32_t failures;	  /* checks in a row */
	uint32_t previous;	  /* failures that ended with the last recovery */
	uint32_t restarts;	  /* that worked */
	uint64_t last_restart_ns; /* 0 = never */
	bool gave_up;
};

unsigned policy_check(
	const struct health_policy *p, struct policy_state *s, uint64_t now_ns, bool healthy);
/* The restart that was asked for has ended. */
void policy_restarted(struct policy_state *s, uint64_t now_ns, bool worked);

/*
 * The brake: many that turn unhealthy within one window have a common cause, which restarts don't
 * cure. It releases itself after a window in which nobody turned unhealthy.
 */
#define BRAKE_TIMES 128u

struct brake {
	struct brake_turn {
		uint64_t ns; /* 0 = free */
		uint32_t slot;
	} turned[BRAKE_TIMES]; /* each process once, with its last time */
	bool on;
};

/* The process in this slot of the table has turned unhealthy. One that does so again and again
 * counts once: it has no cause in common with others. */
void brake_note(struct brake *b, uint32_t slot, uint64_t now_ns);
/* Bring it up to date; processes: how many are up. Returns whether it holds; count: how many
 * processes turned unhealthy within the window. */
bool brake_holds(struct brake *b, const struct health_all *conf, unsigned processes,
	uint64_t now_ns, unsigned *ret_count);

/* The token bucket over all health-driven restarts; thousandths of a token. */
struct budget {
	uint64_t filled_ns; /* 0 = never used: it is full */
	uint64_t thousandths;
};

uint32_t budget_left(struct budget *b, const struct health_all *conf, uint64_t now_ns);
bool budget_take(struct budget *b, const struct health_all *conf, uint64_t now_ns);

#endif
