/*
 * client/ask.h - asking the daemons: requests are posted through the ring of commands, many at
 * once, and their answers awaited.
 *
 * A request outlives whoever should carry it out: it waits in the table until a spawner is there.
 * So a daemon that is down is no error here. If none is left that would start another, the guardian
 * is started; if the table is made again meanwhile, what was not answered is posted again.
 */
#ifndef CLIENT_ASK_H
#define CLIENT_ASK_H

#include <stdbool.h>
#include <stddef.h>

#include "client/instance.h"
#include "client/outcome.h"
#include "shm/ring.h"

enum ask_state { ASK_NEW, ASK_POSTED, ASK_DONE };

struct ask {
	struct pt_request req;
	/* start: text of the specification, written to req.spec whenever it is posted; the caller's
	 * */
	char *spec_text;
	struct pt_answer answer; /* once state is ASK_DONE */
	struct pt_ticket ticket;
	enum ask_state state;
};

/* What the one who waits hears of it, and whether he may interrupt. */
struct ask_patience {
	const char *doing; /* "stopping"; NULL: nothing is said */
	/* hears whom it waits for, where that stands still; its watcher what is waited for */
	struct outcomes *oc;
	/* return -EINTR once the watcher has asked for an end more often than dealt_with; what was
	 * posted stays posted */
	bool interruptible;
	/* the instance ends: -EHOSTDOWN once the spawner has stood still (stopped, or hanging in
	 * the kernel) for 15 s, -EDEADLK with a reason once a process has survived SIGKILL for so
	 * long; what was posted stays posted. Else that process alone gets the answer -EDEADLK. */
	bool leaves;
	/* how many wishes for an end were answered before: one that comes between two waits counts,
	 * too */
	int dealt_with;
};

/* Post all and await all. in: attached as PT_CLIENT, stays attached (perhaps to a newer table). 0:
 * each has an answer; look at its code. */
int ask_all(struct instance *in, struct ask *a, size_t n, const struct ask_patience *p,
	struct fault *f);

/* Wait until a spawner that has just been started knows all that it has to take over. */
int ask_sync(struct instance *in, const struct watcher *w, struct fault *f);

/* Where there is no table, though processes of the instance live (instance_left()): start the
 * daemons, and wait until they know them again. in stays attached. */
int ask_revive(struct instance *in, const struct watcher *w, struct fault *f);

/* Post one and don't wait; its entry in the ring is freed when this program has ended. For the
 * request that ends the daemons themselves. */
int ask_post_once(struct instance *in, struct ask *a, struct fault *f);

/* Fill a request. name NULL: none. Names were checked before. */
void ask_fill(struct ask *a, enum pt_command_kind kind, const char *name, unsigned flags);

#endif
