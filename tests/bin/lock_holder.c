/*
 * tests/bin/lock_holder.c - takes the lock of the process table of $TEND_HOME as a tend command
 * would, and keeps it, which none ever does.
 *
 * It writes "held PID" once it has the lock. SIGUSR1 makes it give the lock back and end with
 * status 0.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/home.h"
#include "shm/lock.h"
#include "shm/owner.h"

int main(void)
{
	struct home home = HOME_INIT;
	struct fault f = { "" };
	struct pt *pt = NULL;
	sigset_t set;
	int signo = 0, r;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	if (home_open(NULL, HOME_READ, &home, &f) < 0 ||
		pt_attach_as(&home, PT_CLIENT, &pt, &f) < 0) {
		fprintf(stderr, "lock_holder: %s\n", f.text);
		return 1;
	}
	r = pt_lock(pt, 5000);
	if (r < 0) {
		fprintf(stderr, "lock_holder: %s\n", strerror(-r));
		return 1;
	}
	printf("held %d\n", (int)getpid());
	fflush(stdout);
	(void)sigwait(&set, &signo);
	pt_unlock(pt);
	pt_detach(pt);
	home_close(&home);
	return 0;
}
