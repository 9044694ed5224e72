/* client/post.c - posting requests into the table (client/post.h). */
#include "client/post.h"

#include <errno.h>

#include "base/clock.h"
#include "base/pidref.h"
#include "shm/lock.h"
#include "shm/wake.h"

#define LOCK_WAIT_MS 5000u
#define REMAKE_NS    (1 * NS_PER_SEC) /* a guardian makes a table in milliseconds */

static int lock_fault(const struct instance *in, int r, struct fault *f)
{
	pid_t holder = pt_lock_holder(in->pt);

	if (r == -ETIMEDOUT && holder > 0) {
		char state = pid_state(holder, 0);

		if (state == 'T' || state == 't')
			return fault_set(f, r,
				"the lock of the process table is held by process %d, which is stopped; \"kill -CONT %d\" lets it go on",
				holder, holder);
		return fault_set(f, r,
			"the lock of the process table is held by process %d for more than %u s",
			holder, LOCK_WAIT_MS / 1000);
	}
	if (r == -ETIMEDOUT)
		return fault_set(f, r, "the lock of the process table could not be had within %u s",
			LOCK_WAIT_MS / 1000);
	return fault_errno(f, r, "cannot take the lock of the process table");
}

/* The lock is beyond repair: have the guardian make the table again. */
static int replace_table(struct instance *in, struct fault *f)
{
	uint64_t until = clock_boot_ns() + REMAKE_NS;

	(void)bell_ring(&in->home, ROLE_GUARDIAN);
	while (instance_current(in) && clock_boot_ns() < until)
		instance_nap(10);
	return instance_attach(in, f);
}

int post_requests(struct instance *in, const struct pt_request *req, unsigned n,
	struct pt_ticket *tickets, struct fault *f)
{
	int r = pt_post(in->pt, req, n, LOCK_WAIT_MS, tickets);

	/* Nobody noted that he holds it: the word may name a daemon that does not, and heals that
	 * when it is rung for. */
	if (r == -ETIMEDOUT && pt_lock_holder(in->pt) == 0) {
		for (unsigned role = 0; role < ROLE_MAX; role++)
			(void)bell_ring(&in->home, role);
		r = pt_post(in->pt, req, n, LOCK_WAIT_MS, tickets);
	}
	if (r == -ENOTRECOVERABLE || r == -EBADMSG) {
		r = replace_table(in, f);
		if (r == 0)
			r = pt_post(in->pt, req, n, LOCK_WAIT_MS, tickets);
	}
	if (r < 0 && r != -EAGAIN)
		lock_fault(in, r, f);
	return r;
}
