/* base/daemon.c - the common beginning of the daemons (base/daemon.h). */
#define _GNU_SOURCE 1
#include "base/daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/pidref.h"
#include "base/say.h"

#define LOCK_WAIT_NS (1 * NS_PER_SEC)
#define LOCK_NAP_NS  (1 * NS_PER_MS)

/*
 * A lock can outlive its holder for a moment: what a spawner has forked shares it until its first
 * instruction, and so do the threads of a process that is being killed. The same where our parent
 * was a spawner, and has become the guardian. That is waited for; a holder that lives is not.
 * Nothing tells when a lock is free, but a call that would also wait for a new holder.
 */
static int lock_role(const struct home *home, enum role role, int *ret_fd)
{
	static const struct timespec nap = { .tv_nsec = LOCK_NAP_NS };
	uint64_t give_up = clock_boot_ns() + LOCK_WAIT_NS;
	int r;

	while ((r = role_lock(home->run_fd, role, ret_fd)) == -EBUSY && clock_boot_ns() < give_up) {
		pid_t pid = 0;
		uint64_t start_ticks = 0;
		int held = role_holder(home->run_fd, role, &pid, &start_ticks);

		if (held == 0 && (pid == 0 || (pid_alive(pid, start_ticks) && pid != getppid())))
			break;
		nanosleep(&nap, NULL);
	}
	return r;
}

int daemon_begin(enum role role, const char *home, struct daemon_start *ret)
{
	struct fault f = { "" };
	int r;

	say_init(role_name(role));
	umask(077);
	r = home_open(home, HOME_CREATE, &ret->home, &f);
	if (r < 0) {
		say(SAY_ERROR, "%s", f.text);
		return 1;
	}
	say_follow(ret->home.logs_fd, HOME_LOG_FILE);
	if (chdir("/") < 0)
		say(SAY_WARNING, "cannot change to /: %s, ignoring", strerror(errno));
	io_raise_nofile();
	r = lock_role(&ret->home, role, &ret->lock_fd);
	if (r == -EBUSY)
		return DAEMON_EXIT_TAKEN;
	if (r < 0) {
		say(SAY_ERROR, "cannot lock %s/run/%s.lock: %s", ret->home.path, role_name(role),
			strerror(-r));
		return 1;
	}
	return 0;
}

bool daemon_disabled(const char *feature)
{
	const char *list = getenv("TEND_DISABLE");
	size_t len = strlen(feature);

	while (list && *list) {
		size_t word = strcspn(list, ",");

		if (word == len && strncmp(list, feature, len) == 0)
			return true;
		list += word + (list[word] == ',');
	}
	return false;
}
