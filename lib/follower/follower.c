/* follower/follower.c - see follower/follower.h. */
#define _GNU_SOURCE 1
#include "follower/follower.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/daemon.h"
#include "base/inherited.h"
#include "base/io.h"
#include "base/say.h"
#include "shm/events.h"
#include "shm/lock.h"
#include "shm/owner.h"
#include "shm/wake.h"

#define EXIT_USAGE  2
#define REATTACH_NS NS_PER_SEC

static void follow_segment(struct follower *f)
{
	struct fault fault = { "" };
	struct pt *fresh;
	int r = pt_attach_as(f->home, (enum pt_access)f->role, &fresh, &fault);

	if (r == -EPROTO) {
		say(SAY_INFO, "the process table is another build's now; making room for its %s",
			role_name(f->role));
		loop_stop(*f->loop, 0);
		return;
	}
	if (r) {
		say(SAY_WARNING, "can't follow the segment that was made again: %s", fault.text);
		(void)loop_timer_set(*f->loop, &f->reattach, clock_boot_ns() + REATTACH_NS);
		return;
	}
	pt_event_carry(fresh, *f->pt);
	pt_detach(*f->pt);
	*f->pt = fresh;
	f->moved(f->arg);
	say(SAY_INFO, "the process table was made again; following it");
}

static void look(struct follower *f)
{
	if (pt_is_stale(*f->pt, f->home))
		follow_segment(f);
	pt_lock_heal(*f->pt);
	f->look(f->arg);
}

static void on_bell(void *arg, uint32_t events)
{
	struct follower *f = arg;

	(void)events;
	bell_drain(f->bell_fd); /* first: what rings from here on wakes us again */
	look(f);
}

static void on_reattach(void *arg)
{
	look(arg);
}

static void on_signal(void *arg, uint32_t events)
{
	struct follower *f = arg;

	(void)events;
	loop_stop(*f->loop, 0);
}

/* The first thing of all: whoever sees our lock may send SIGTERM, and gets an orderly end. */
static int watch_signals(struct follower *f)
{
	static const int signals[] = { SIGTERM, SIGINT };
	struct loop_watch *w;
	int r = loop_new(f->loop);

	if (r)
		return r;
	f->signal_fd = loop_signalfd(signals, sizeof(signals) / sizeof(signals[0]));
	return f->signal_fd < 0 ? f->signal_fd
				: loop_watch(*f->loop, f->signal_fd, EPOLLIN, on_signal, f, &w);
}

static int watch_bell(struct follower *f)
{
	struct loop_watch *w;

	loop_timer_init(&f->reattach, on_reattach, f);
	f->bell_fd = bell_open(f->home, f->role);
	return f->bell_fd < 0 ? f->bell_fd
			      : loop_watch(*f->loop, f->bell_fd, EPOLLIN, on_bell, f, &w);
}

/* With the lock held. Returns the exit code. */
static int serve(struct follower *f)
{
	struct fault fault = { "" };
	int r = watch_bell(f);

	if (r) {
		say(SAY_ERROR, "can't use run/bell.%s in %s: %s", role_name(f->role), f->home->path,
			strerror(-r));
		return EXIT_FAILURE;
	}
	r = pt_attach_as(f->home, (enum pt_access)f->role, f->pt, &fault);
	if (r) {
		say(SAY_ERROR, "%s", fault.text);
		return r == -EPROTO ? DAEMON_EXIT_LAYOUT : EXIT_FAILURE;
	}
	r = f->begin(f->arg);
	if (r) {
		say(SAY_ERROR, "can't start: %s", strerror(-r));
	} else {
		look(f);
		r = loop_run(*f->loop);
		if (r < 0)
			say(SAY_ERROR, "waiting for events failed: %s", strerror(-r));
	}
	f->end(f->arg);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Killed by somebody: the next of us makes another, and before it gives up its rights. */
static void on_standby_ended(void *arg, uint32_t events)
{
	struct follower *f = arg;

	(void)events;
	say(SAY_WARNING, "its standby ended; making room for a %s with another",
		role_name(f->role));
	loop_stop(*f->loop, 0);
}

/* Without one this daemon does all else. */
static void begin_standby(struct follower *f)
{
	struct loop_watch *w;
	int r = standby_begin(&f->standby, f->home, f->role, f->lock_fd);

	if (r == 0 && f->standby.pid_fd >= 0)
		r = loop_watch(*f->loop, f->standby.pid_fd, EPOLLIN, on_standby_ended, f, &w);
	if (r)
		say(SAY_WARNING,
			"no standby to start a guardian should all others die: %s, ignoring",
			strerror(-r));
}

static int run(struct follower *f, const char *home)
{
	struct daemon_start start = { .home = HOME_INIT, .lock_fd = -1 };
	int r = watch_signals(f);

	if (r) {
		say(SAY_ERROR, "can't start: %s", strerror(-r));
		return EXIT_FAILURE;
	}
	r = daemon_begin(f->role, home, &start);
	pt_tolerate_truncation();
	*f->home = start.home;
	f->lock_fd = start.lock_fd;
	if (r)
		return r;
	begin_standby(f);
	return serve(f);
}

static void release(struct follower *f)
{
	standby_end(&f->standby);
	pt_detach(*f->pt);
	loop_free(*f->loop);
	io_close(&f->signal_fd);
	io_close(&f->bell_fd);
	home_close(f->home);
	io_close(&f->lock_fd); /* last */
}

static struct follower *main_of; /* inherited_run() hands over nothing but the arguments */

static int follow(int argc, char **argv)
{
	static const struct option options[] = { { "home", required_argument, NULL, 'H' },
		{ "version", no_argument, NULL, 'v' }, { NULL, 0, NULL, 0 } };
	struct follower *f = main_of;
	const char *home = NULL;
	char program[32];
	int c, code;

	inherited_reset();
	(void)snprintf(program, sizeof(program), "tend-%s", role_name(f->role));
	say_init(role_name(f->role));
	while ((c = getopt_long(argc, argv, "", options, NULL)) == 'H')
		home = optarg;
	if (c == 'v') {
		pt_print_version(program, stdout);
		return EXIT_SUCCESS;
	}
	if (c != -1 || optind < argc) {
		fprintf(stderr, "usage: %s [--home DIR]\n", program);
		return EXIT_USAGE;
	}
	f->lock_fd = f->bell_fd = f->signal_fd = -1;
	f->standby = (struct standby)STANDBY_NONE;
	code = run(f, home);
	release(f);
	return code;
}

int follower_main(struct follower *f, int argc, char **argv)
{
	main_of = f;
	return inherited_run(follow, argc, argv);
}
