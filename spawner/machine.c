/* spawner/machine.c - the table (spawner/machine.h). tests/unit/test_spawner_machine.c walks every
 * pair. */
#include "spawner/machine.h"

#define TO(state, actions) \
	{ \
		.to = PT_STATE_##state, .action = (actions) \
	}

/* What every resting state does: an operator's start launches it, a stop only forgets how it got
 * here. */
#define RESTING(self) \
	[EV_START] = TO(STARTING, ACT_UP | ACT_LAUNCH), \
	[EV_RESTART] = TO(STARTING, ACT_UP | ACT_LAUNCH), \
	[EV_STOP] = TO(STOPPED, ACT_DOWN | ACT_ALREADY), [EV_LAUNCHED] = TO(self, 0), \
	[EV_LAUNCH_FAILED] = TO(self, 0), [EV_LAUNCH_RETRY] = TO(self, 0), \
	[EV_LEFTOVERS] = TO(self, 0), [EV_GONE_DOWN] = TO(self, 0), [EV_GONE_AGAIN] = TO(self, 0), \
	[EV_GONE_RETRY] = TO(self, 0), [EV_GONE_DONE] = TO(self, 0), [EV_GONE_FAIL] = TO(self, 0), \
	[EV_TIMEOUT] = TO(self, 0)

/* Where a tree that is gone leads to, from wherever it went. */
#define GONE \
	[EV_GONE_DOWN] = TO(STOPPED, ACT_RESULT), \
	[EV_GONE_AGAIN] = TO(STARTING, ACT_RESULT | ACT_LAUNCH), \
	[EV_GONE_RETRY] = TO(BACKOFF, ACT_DELAY | ACT_RESULT), \
	[EV_GONE_DONE] = TO(COMPLETED, ACT_RESULT), [EV_GONE_FAIL] = TO(FAILED, ACT_RESULT)

static const struct machine_step table[PT_STATE_MAX][EV_MAX] = {
	[PT_STATE_STOPPED] = { RESTING(STOPPED) },
	[PT_STATE_FAILED] = { RESTING(FAILED) },
	[PT_STATE_COMPLETED] = { RESTING(COMPLETED) },
	[PT_STATE_STARTING] = {
		[EV_START] = TO(STARTING, ACT_UP),
		[EV_STOP] = TO(STOPPED, ACT_DOWN | ACT_RESULT),
		[EV_RESTART] = TO(STARTING, ACT_UP),
		[EV_LAUNCHED] = TO(RUNNING, ACT_RESULT),
		[EV_LAUNCH_FAILED] = TO(FAILED, ACT_RESULT),
		[EV_LAUNCH_RETRY] = TO(BACKOFF, ACT_DELAY | ACT_RESULT),
		[EV_LEFTOVERS] = TO(STARTING, 0),
		/* a new spawner's: the one before it died on the way */
		[EV_TIMEOUT] = TO(STARTING, ACT_LAUNCH),
		GONE,
	},
	[PT_STATE_RUNNING] = {
		[EV_START] = TO(RUNNING, ACT_UP | ACT_ALREADY),
		[EV_STOP] = TO(STOPPING, ACT_DOWN | ACT_TERM),
		[EV_RESTART] = TO(STOPPING, ACT_UP | ACT_AGAIN | ACT_TERM),
		[EV_LAUNCHED] = TO(RUNNING, 0),
		[EV_LAUNCH_FAILED] = TO(RUNNING, 0),
		[EV_LAUNCH_RETRY] = TO(RUNNING, 0),
		[EV_LEFTOVERS] = TO(STOPPING, ACT_TERM),
		[EV_TIMEOUT] = TO(RUNNING, 0),
		GONE,
	},
	[PT_STATE_STOPPING] = {
		[EV_START] = TO(STOPPING, ACT_UP | ACT_AGAIN),
		[EV_STOP] = TO(STOPPING, ACT_DOWN | ACT_TERM),
		[EV_RESTART] = TO(STOPPING, ACT_UP | ACT_AGAIN | ACT_TERM),
		[EV_LAUNCHED] = TO(STOPPING, 0),
		[EV_LAUNCH_FAILED] = TO(STOPPING, 0),
		[EV_LAUNCH_RETRY] = TO(STOPPING, 0),
		[EV_LEFTOVERS] = TO(STOPPING, 0),
		[EV_TIMEOUT] = TO(STOPPING, ACT_KILL),
		GONE,
	},
	[PT_STATE_BACKOFF] = {
		[EV_START] = TO(STARTING, ACT_UP | ACT_LAUNCH),
		[EV_STOP] = TO(STOPPED, ACT_DOWN | ACT_RESULT),
		[EV_RESTART] = TO(STARTING, ACT_UP | ACT_LAUNCH),
		[EV_LAUNCHED] = TO(BACKOFF, 0),
		[EV_LAUNCH_FAILED] = TO(BACKOFF, 0),
		[EV_LAUNCH_RETRY] = TO(BACKOFF, 0),
		[EV_LEFTOVERS] = TO(BACKOFF, 0),
		[EV_GONE_DOWN] = TO(BACKOFF, 0),
		[EV_GONE_AGAIN] = TO(BACKOFF, 0),
		[EV_GONE_RETRY] = TO(BACKOFF, 0),
		[EV_GONE_DONE] = TO(BACKOFF, 0),
		[EV_GONE_FAIL] = TO(BACKOFF, 0),
		[EV_TIMEOUT] = TO(STARTING, ACT_LAUNCH),
	},
};

struct machine_step machine_next(unsigned state, unsigned event)
{
	if (state >= PT_STATE_MAX || event >= EV_MAX)
		return (struct machine_step){ .to = (uint8_t)state };
	return table[state][event];
}

const char *machine_event_label(unsigned event)
{
	static const char *const labels[EV_MAX] = {
		[EV_START] = "start",
		[EV_STOP] = "stop",
		[EV_RESTART] = "restart",
		[EV_LAUNCHED] = "launched",
		[EV_LAUNCH_FAILED] = "launch failed",
		[EV_LAUNCH_RETRY] = "launch to be retried",
		[EV_LEFTOVERS] = "leftovers",
		[EV_GONE_DOWN] = "gone, down",
		[EV_GONE_AGAIN] = "gone, again",
		[EV_GONE_RETRY] = "gone, retry",
		[EV_GONE_DONE] = "gone, done",
		[EV_GONE_FAIL] = "gone, failed",
		[EV_TIMEOUT] = "timeout",
	};

	return event < EV_MAX ? labels[event] : "unknown";
}

const char *machine_check(const struct pt_life *l)
{
	unsigned traits = pt_state_traits(l->state);

	if (l->state == PT_STATE_RUNNING && l->pid <= 0)
		return "a running process has a pid";
	if (!(traits & PT_TRAIT_PID) && l->pid != 0)
		return "only running and stopping processes have a pid";
	if ((traits & PT_TRAIT_TIMER) && l->next_boot_ns == 0)
		return "stopping and backoff have a deadline";
	if (!(traits & PT_TRAIT_TIMER) && l->next_boot_ns != 0)
		return "only stopping and backoff have a deadline";
	return 0;
}
