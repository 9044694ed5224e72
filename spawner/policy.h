/*
 * spawner/policy.h - what happens after a process has ended: restart or not, and when. PURE: time
 * is a parameter.
 *
 * The first restart after a stable run does not wait: most crashes are accidents, and a service is
 * missed from the first millisecond. The second in a row waits restart_delay_ms, each further one
 * twice as long, up to restart_max_delay_ms. More than restart_limit restarts within
 * restart_window_ms end in `failed`.
 */
#ifndef SPAWNER_POLICY_H
#define SPAWNER_POLICY_H

#include "shm/table.h"
#include "spawner/machine.h"

struct policy_verdict {
	enum machine_event event; /* EV_GONE_*, or EV_LAUNCH_* after a launch that failed */
	enum pt_reason reason;
	uint64_t delay_ms; /* of a retry */
};

/* The tree of a process is gone; l tells how the process itself ended. Counts a retry in l (streak,
 * window). */
struct policy_verdict policy_after_end(
	const struct pt_ident *i, struct pt_life *l, uint64_t now_boot_ns);

/* A launch failed. automatic: nobody waits for it at a terminal, so it is tried again under the
 * same rules. */
struct policy_verdict policy_after_launch(
	const struct pt_ident *i, struct pt_life *l, bool automatic, uint64_t now_boot_ns);

/* An operator's start begins the count anew. */
void policy_forgive(struct pt_life *l);

#endif
