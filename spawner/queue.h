/*
 * spawner/queue.h - events that wait for their turn, the oldest first. PURE.
 *
 * An event names its process by slot and generation: one that is forgotten while its event waits
 * gets none. The queue never allocates and needs few places: an action raises one event at most,
 * about its own process and as the last thing it does, and everything is settled before the next
 * comes from outside.
 */
#ifndef SPAWNER_QUEUE_H
#define SPAWNER_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "spawner/machine.h"

#define QUEUE_MAX 8

struct cause { /* of a transition, for the event */
	enum pt_reason reason;
	int32_t by_pid;
	uint32_t by_uid;
	uint64_t delay_ms;   /* ACT_DELAY */
	uint32_t timeout_ms; /* ACT_TERM: 0 = kill at once */
};

struct queued {
	uint32_t slot, gen; /* whose */
	enum machine_event event;
	struct cause why;
};

struct queue { /* zeroed: empty */
	struct queued at[QUEUE_MAX];
	unsigned first, n;
};

/* One more, behind the others. A full queue is a bug. */
void queue_put(struct queue *q, const struct queued *e);
/* The oldest; false: there is none. */
bool queue_take(struct queue *q, struct queued *ret);

#endif
