/* base/daemon.c - the common beginning of the daemons (base/daemon.h). */
#define _GNU_SOURCE 1
#include "base/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/say.h"

int daemon_begin(enum role role, const char *home, struct daemon_start *ret)
{
	struct fault f = { "" };
	int r;

	say_init(role_name(role));
	signal(SIGPIPE, SIG_IGN); /* a doorbell whose daemon has just died is no reason to follow it */
	umask(077);
	r = home_open(home, HOME_CREATE, &ret->home, &f);
	if (r < 0) {
		say(SAY_ERROR, "%s", f.text);
		return 1;
	}
	say_follow(ret->home.logs_fd, "tend.log");
	if (chdir("/") < 0)
		say(SAY_WARNING, "cannot change to /: %s, ignoring", strerror(errno));
	io_raise_nofile();
	r = role_lock(ret->home.run_fd, role, &ret->lock_fd);
	if (r == -EBUSY)
		return DAEMON_EXIT_TAKEN;
	if (r < 0) {
		say(SAY_ERROR, "cannot lock %s/run/%s.lock: %s", ret->home.path, role_name(role), strerror(-r));
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
