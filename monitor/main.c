/*
 * monitor/main.c - tend-monitor: is each process alive, and what does it use?
 *
 * It reads the table and /proc, and writes health blocks. It neither starts nor stops a process.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <getopt.h>
#include <linux/capability.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/daemon.h"
#include "base/io.h"
#include "base/loop.h"
#include "base/privilege.h"
#include "base/role.h"
#include "base/say.h"
#include "base/str.h"
#include "monitor/alert.h"
#include "monitor/care.h"
#include "monitor/publish.h"
#include "monitor/watch.h"
#include "shm/owner.h"
#include "shm/wake.h"

#define EXIT_USAGE	    2
#define EXIT_TAKEN	    3
#define REATTACH_NS	    NS_PER_SEC
#define INTERVAL_DEFAULT_MS 5000
#define INTERVAL_MIN_MS	    100
#define MAPPED_BYTES	    (64 << 10)
#define INTERVAL_MAX_MS	    86400000 /* a day */

struct daemon {
	struct monitor mo;
	int lock_fd, bell_fd, signal_fd;
	struct loop_timer reattach;
};

/* The guardian made a new segment: what we know goes into it, then the old one is left. */
static void follow_segment(struct daemon *d)
{
	struct monitor *mo = &d->mo;
	struct fault f = { "" };
	struct pt *fresh;
	int r = pt_attach_as(&mo->home, PT_MONITOR, &fresh, &f);

	if (r == -EPROTO) {
		say(SAY_INFO, "the process table is another build's now; making room for its monitor");
		loop_stop(mo->loop, 0);
		return;
	}
	if (r) {
		say(SAY_WARNING, "can't follow the segment that was made again: %s", f.text);
		(void)loop_timer_set(mo->loop, &d->reattach, clock_boot_ns() + REATTACH_NS);
		return;
	}
	pt_detach(mo->pt);
	mo->pt = fresh;
	publish_all(mo);
	watch_forget_versions(mo);
	say(SAY_INFO, "the process table was made again; following it");
}

static void look(struct daemon *d)
{
	if (pt_is_stale(d->mo.pt, &d->mo.home))
		follow_segment(d);
	watch_scan(&d->mo);
}

static void on_bell(void *arg, uint32_t events)
{
	struct daemon *d = arg;

	(void)events;
	bell_drain(d->bell_fd); /* first: what rings from here on wakes us again */
	look(d);
}

static void on_reattach(void *arg)
{
	look(arg);
}

static void on_signal(void *arg, uint32_t events)
{
	struct daemon *d = arg;

	(void)events;
	loop_stop(d->mo.loop, 0);
}

/* A value that can't be used is no reason not to watch at all. */
static uint64_t interval_ns(void)
{
	const char *text = getenv("TEND_MONITOR_INTERVAL_MS");
	int64_t ms = INTERVAL_DEFAULT_MS;

	if (text && str_int(text, INTERVAL_MIN_MS, INTERVAL_MAX_MS, &ms)) {
		say(SAY_WARNING,
			"TEND_MONITOR_INTERVAL_MS=%s is not a number from %d to %d; samples are taken every %d ms",
			text, INTERVAL_MIN_MS, INTERVAL_MAX_MS, INTERVAL_DEFAULT_MS);
		ms = INTERVAL_DEFAULT_MS;
	}
	return (uint64_t)ms * NS_PER_MS;
}

/* The first thing of all: whoever sees our lock may send SIGTERM, and gets an orderly end. */
static int watch_signals(struct daemon *d)
{
	static const int signals[] = { SIGTERM, SIGINT };
	struct loop_watch *w;
	int r = loop_new(&d->mo.loop);

	if (r)
		return r;
	d->signal_fd = loop_signalfd(signals, sizeof(signals) / sizeof(signals[0]));
	return d->signal_fd < 0 ? d->signal_fd : loop_watch(d->mo.loop, d->signal_fd, EPOLLIN, on_signal, d, &w);
}

static int watch_bell(struct daemon *d)
{
	struct loop_watch *w;
	int r = watch_init(&d->mo);

	if (r)
		return r;
	loop_timer_init(&d->reattach, on_reattach, d);
	d->bell_fd = bell_open(&d->mo.home, ROLE_MONITOR);
	return d->bell_fd < 0 ? d->bell_fd : loop_watch(d->mo.loop, d->bell_fd, EPOLLIN, on_bell, d, &w);
}

/* With the lock held. Returns the exit code. */
static int serve(struct daemon *d)
{
	struct fault f = { "" };
	int r = watch_bell(d);

	if (r) {
		say(SAY_ERROR, "can't use run/bell.monitor in %s: %s", d->mo.home.path, strerror(-r));
		return EXIT_FAILURE;
	}
	r = pt_attach_as(&d->mo.home, PT_MONITOR, &d->mo.pt, &f);
	if (r) {
		say(SAY_ERROR, "%s", f.text);
		return r == -EPROTO ? DAEMON_EXIT_LAYOUT : EXIT_FAILURE;
	}
	(void)pt_read_monitor(d->mo.pt, &d->mo.state); /* the counts of an earlier monitor go on */
	care_shared_begin(&d->mo);
	/* It looks at processes of any user and ends probes that may have become another user. Its programs (probes, alerts) get all rights anew. */
	privilege_drop(PRIVILEGE_EXECUTES | PRIVILEGE_NETWORK, 1ull << CAP_SYS_PTRACE | 1ull << CAP_DAC_READ_SEARCH | 1ull << CAP_KILL, 0);
	(void)io_sweep(d->mo.home.run_fd, NULL, NULL); /* a half-written answer of the registry */
	alerts_begin(d->mo.alerts);
	look(d);
	r = loop_run(d->mo.loop);
	if (r < 0)
		say(SAY_ERROR, "waiting for events failed: %s", strerror(-r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run(struct daemon *d, const char *home)
{
	struct daemon_start start = { .home = HOME_INIT, .lock_fd = -1 };
	int r = watch_signals(d);

	if (r) {
		say(SAY_ERROR, "can't start: %s", strerror(-r));
		return EXIT_FAILURE;
	}
	r = daemon_begin(ROLE_MONITOR, home, &start);
	pt_tolerate_truncation();
	d->mo.home = start.home;
	d->lock_fd = start.lock_fd;
	if (r)
		return r;
	d->mo.interval_ns = interval_ns();
	return serve(d);
}

static void release(struct daemon *d)
{
	watch_done(&d->mo);
	pt_detach(d->mo.pt);
	loop_free(d->mo.loop);
	io_close(&d->signal_fd);
	io_close(&d->bell_fd);
	home_close(&d->mo.home);
	io_close(&d->lock_fd); /* last */
}

/* Answers of a registry come and go, hundreds of kilobytes each, and would leave a heap of their size behind: what is large is mapped by itself
 * (glibc would otherwise raise that limit by and by). libcurl's thread that looks up names needs no heap of its own. */
static void keep_small(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
	(void)mallopt(M_ARENA_MAX, 1);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "home", required_argument, NULL, 'H' }, { "version", no_argument, NULL, 'v' }, { NULL, 0, NULL, 0 } };
	struct daemon d = { .mo.home = HOME_INIT, .lock_fd = -1, .bell_fd = -1, .signal_fd = -1 };
	const char *home = NULL;
	int c, code;

	say_init(role_name(ROLE_MONITOR));
	keep_small();
	while ((c = getopt_long(argc, argv, "", options, NULL)) == 'H')
		home = optarg;
	if (c == 'v') {
		pt_print_version("tend-monitor", stdout);
		return EXIT_SUCCESS;
	}
	if (c != -1 || optind < argc) {
		fprintf(stderr, "usage: tend-monitor [--home DIR]\n");
		return EXIT_USAGE;
	}
	code = run(&d, home);
	release(&d);
	return code;
}
