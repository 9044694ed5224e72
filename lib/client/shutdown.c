/* client/shutdown.c - ending an instance (client/shutdown.h). */
#include "client/shutdown.h"

#include <errno.h>
#include <poll.h>

#include "base/clock.h"
#include "base/pidref.h"
#include "client/ask.h"
#include "client/daemons.h"
#include "shm/wake.h"

/* so long a guardian may be stopped or hang before it is given up */
#define STILL_NS  (30 * NS_PER_SEC)
#define END_TRIES 3u /* guardians that die while they end */

/* Wait for the end of the process behind a pidfd. -ETIMEDOUT, -EINTR. */
static int wait_end(int pidfd, int timeout_ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int n = poll(&p, 1, timeout_ms);

	if (n < 0)
		return -errno;
	return n ? 0 : -ETIMEDOUT;
}

static int find_guardian(const struct home *h, struct pidref *ret)
{
	pid_t pid = 0;
	uint64_t start = 0;
	int r = role_holder(h->run_fd, ROLE_GUARDIAN, &pid, &start);

	if (r < 0)
		return r;
	return pid ? pidref_open(pid, start, ret) : -EAGAIN;
}

/* The guardian waits for nobody without bound; so it is the only one whose standing still would
 * keep us waiting. moved: when it was last seen not to. */
static int check_guardian(const struct pidref *g, uint64_t *moved, struct fault *f)
{
	char state = pid_state(g->pid, g->start_ticks);

	if (state != 'T' && state != 't' && state != 'D')
		*moved = clock_boot_ns();
	if (clock_boot_ns() - *moved < STILL_NS)
		return 0;
	if (state == 'D')
		return fault_set(f, -ETIMEDOUT, "the guardian (process %d) hangs in the kernel",
			(int)g->pid);
	return fault_set(f, -ETIMEDOUT,
		"the guardian (process %d) is stopped; \"kill -CONT %d\" lets it go on",
		(int)g->pid, (int)g->pid);
}

static int end_guardians(struct instance *in, const struct watcher *w, struct fault *f)
{
	struct ask ask = { .req = { .kind = PT_COMMAND_SHUTDOWN } };
	int seen = watcher_stops(w);
	uint64_t began = clock_boot_ns(), moved = began;
	int r = 0;

	/* A guardian that dies meanwhile is followed by another, which is asked again. */
	while (daemons_guarded(&in->home)) {
		struct pidref guardian = PIDREF_NONE;

		if (find_guardian(&in->home, &guardian) < 0) {
			instance_nap(10);
			continue;
		}
		ask.state = ASK_NEW;
		r = ask_post_once(in, &ask, f);
		/* somebody else has asked: it has removed the table already, and ends */
		if (r == -ENOENT) {
			(void)wait_end(guardian.fd, 1000);
			pidref_done(&guardian);
			r = 0;
			continue;
		}
		while (r == 0 && (r = wait_end(guardian.fd, 500)) == -ETIMEDOUT) {
			watcher_wait(w, began, "waiting for the daemons to end");
			/* the first time there may have been no descriptor for it */
			(void)bell_ring(&in->home, ROLE_GUARDIAN);
			r = check_guardian(&guardian, &moved, f);
		}
		watcher_came(w);
		pidref_done(&guardian);
		if (r == -EINTR && watcher_stops(w) == seen)
			r = 0;
		if (r == -EINTR)
			return fault_set(f, r, "interrupted; the daemons go on ending");
		if (r < 0)
			return r;
	}
	return r;
}

int shutdown_all(struct instance *in, const struct watcher *w, struct fault *f)
{
	int r = end_guardians(in, w, f);

	/* Removing the table is the last thing that a guardian does. One that died before that,
	 * with no spawner left to take its place, left other daemons, or what lies in the pipes:
	 * another guardian ends it all in order. */
	for (unsigned tries = 0; r == 0 && tries < END_TRIES && instance_has_table(&in->home);
		tries++) {
		r = daemons_ensure(&in->home, NULL, w, f);
		if (r == 0)
			r = end_guardians(in, w, f);
	}
	return r;
}

void shutdown_ask(struct instance *in)
{
	struct ask ask = { .req = { .kind = PT_COMMAND_SHUTDOWN } };
	struct fault f = { "" };

	(void)ask_post_once(in, &ask, &f);
}

static bool anything_up(const struct instance *in)
{
	struct pt_life life;
	uint32_t high = pt_high(in->pt);

	for (uint32_t slot = 0; slot < high; slot++)
		if (pt_read_life(in->pt, slot, &life) == 0 &&
			!(pt_state_traits(life.state) & PT_TRAIT_REST))
			return true;
	return false;
}

int shutdown_idle(struct instance *in, const struct watcher *w, struct fault *f)
{
	if (!instance_role_held(&in->home, ROLE_GUARDIAN) || anything_up(in))
		return 0;
	return shutdown_all(in, w, f);
}
