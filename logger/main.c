/*
 * logger/main.c - tend-logger: moves each process's output into its log file.
 *
 * Bytes move only while the role's lock is held, which the kernel frees when the last logger is really gone: two
 * never write at once.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <getopt.h>
#include <linux/capability.h>
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
#include "logger/drain.h"
#include "logger/lend.h"
#include "logger/orphans.h"
#include "logger/publish.h"
#include "logger/stream.h"
#include "shm/owner.h"
#include "shm/ring.h"
#include "shm/wake.h"

#define EXIT_USAGE  2
#define EXIT_TAKEN  3
#define REATTACH_NS NS_PER_SEC
#define DATA_MAX    (1ull << 30) /* own memory; a few MB are used: whatever makes it grow must not take the machine's */

struct daemon {
	struct logger lg;
	int lock_fd, bell_fd, signal_fd;
	struct loop_timer reattach;
};

/* The guardian made a new segment: what we know goes into it, then the old one is left. */
static void follow_segment(struct daemon *d)
{
	struct logger *lg = &d->lg;
	struct fault f = { "" };
	struct pt *fresh;
	int r = pt_attach_as(&lg->home, PT_LOGGER, &fresh, &f);

	if (r == -EPROTO) {
		say(SAY_INFO, "the process table is another build's now; making room for its logger");
		loop_stop(lg->loop, 0);
		return;
	}
	if (r) {
		say(SAY_WARNING, "can't follow the segment that was made again: %s", f.text);
		(void)loop_timer_set(lg->loop, &d->reattach, clock_boot_ns() + REATTACH_NS);
		return;
	}
	pt_detach(lg->pt);
	lg->pt = fresh;
	publish_all(lg);
	stream_forget_versions(lg);
	say(SAY_INFO, "the process table was made again; following it");
}

/* Rotate one process's files, or those of all, tend's own included. */
static void rotate(struct logger *lg, const char *name, struct pt_answer *answer)
{
	unsigned done = 0, later = 0;
	bool found = false;

	for (uint32_t i = 0; i < lg->slots; i++) {
		if (!lg->by_slot[i] || (name[0] && strcmp(lg->by_slot[i]->name, name) != 0))
			continue;
		found = true;
		for (struct stream *st = lg->by_slot[i]; st; st = st->err) {
			int r = rotate_now(st);

			done += r == 1;
			later += r == 0;
		}
	}
	if (!name[0])
		own_check(lg, true);
	answer->code = found || !name[0] ? 0 : -ENOENT;
	if (answer->code)
		(void)snprintf(answer->text, sizeof(answer->text), "there is no process named %s", name);
	else
		(void)snprintf(answer->text, sizeof(answer->text), "%u rotated%s", done, later ? "; some when the line being written ends" : "");
}

static void carry_out_commands(struct logger *lg)
{
	struct pt_command c;
	uint64_t after = 0;

	while (pt_command_next(lg->pt, after, &c) == 0) {
		struct pt_answer answer = { 0 };

		after = c.ticket.number;
		pt_command_accept(lg->pt, c.ticket);
		if (c.req.kind == PT_COMMAND_ROTATE)
			rotate(lg, c.req.name, &answer);
		else
			answer.code = -EOPNOTSUPP;
		pt_command_done(lg->pt, c.ticket, &answer);
	}
}

static void look(struct daemon *d)
{
	if (pt_is_stale(d->lg.pt, &d->lg.home))
		follow_segment(d);
	stream_scan(&d->lg);
	carry_out_commands(&d->lg);
	own_check(&d->lg, false);
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
	loop_stop(d->lg.loop, 0);
}

/* The first thing of all: whoever sees our lock may send SIGTERM, and gets an orderly end. */
static int watch_signals(struct daemon *d)
{
	static const int signals[] = { SIGTERM, SIGINT };
	struct loop_watch *w;
	int r = loop_new(&d->lg.loop);

	if (r)
		return r;
	d->signal_fd = loop_signalfd(signals, sizeof(signals) / sizeof(signals[0]));
	return d->signal_fd < 0 ? d->signal_fd : loop_watch(d->lg.loop, d->signal_fd, EPOLLIN, on_signal, d, &w);
}

static int watch_bell(struct daemon *d)
{
	struct loop_watch *w;

	loop_timer_init(&d->reattach, on_reattach, d);
	d->bell_fd = bell_open(&d->lg.home, ROLE_LOGGER);
	return d->bell_fd < 0 ? d->bell_fd : loop_watch(d->lg.loop, d->bell_fd, EPOLLIN, on_bell, d, &w);
}

static void take_total(struct logger *lg)
{
	const char *text = getenv("TEND_LOG_TOTAL_BYTES");

	if (text && text[0] && str_bytes(text, &lg->total_bytes) < 0)
		say(SAY_WARNING, "TEND_LOG_TOTAL_BYTES=%s is no size; there is no limit over all logs", text);
}

/* With the lock held. Returns the exit code. */
static int serve(struct daemon *d)
{
	struct fault f = { "" };
	int r = watch_bell(d);

	if (r) {
		say(SAY_ERROR, "can't use run/bell.logger in %s: %s", d->lg.home.path, strerror(-r));
		return EXIT_FAILURE;
	}
	r = pt_attach_as(&d->lg.home, PT_LOGGER, &d->lg.pt, &f);
	if (r) {
		say(SAY_ERROR, "%s", f.text);
		return r == -EPROTO ? DAEMON_EXIT_LAYOUT : EXIT_FAILURE;
	}
	take_total(&d->lg);
	privilege_drop(0, 1ull << CAP_SYS_RESOURCE, DATA_MAX); /* the capability: pipes beyond the user's budget of pages */
	shelf_begin(&d->lg);
	lend_begin(&d->lg);
	own_begin(&d->lg);
	d->lg.orphans_due = true;
	look(d);
	r = loop_run(d->lg.loop);
	shelf_end(&d->lg);
	stream_end_all(&d->lg);
	lend_end(&d->lg);
	orphans_free(&d->lg);
	shelf_free(&d->lg.own);
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
	r = daemon_begin(ROLE_LOGGER, home, &start);
	pt_tolerate_truncation();
	d->lg.home = start.home;
	d->lock_fd = start.lock_fd;
	if (r)
		return r;
	return serve(d);
}

static void release(struct daemon *d)
{
	pt_detach(d->lg.pt);
	loop_free(d->lg.loop);
	io_close(&d->lg.peek[0]);
	io_close(&d->lg.peek[1]);
	io_close(&d->signal_fd);
	io_close(&d->bell_fd);
	home_close(&d->lg.home);
	io_close(&d->lock_fd); /* last */
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "home", required_argument, NULL, 'H' }, { "version", no_argument, NULL, 'v' }, { NULL, 0, NULL, 0 } };
	struct daemon d = { .lg.home = HOME_INIT, .lg.peek = { -1, -1 }, .lg.turn_bytes = DRAIN_TURN_BYTES, .lock_fd = -1, .bell_fd = -1, .signal_fd = -1 };
	const char *home = NULL;
	int c, code;

	say_init(role_name(ROLE_LOGGER));
	while ((c = getopt_long(argc, argv, "", options, NULL)) == 'H')
		home = optarg;
	if (c == 'v') {
		pt_print_version("tend-logger", stdout);
		return EXIT_SUCCESS;
	}
	if (c != -1 || optind < argc) {
		fprintf(stderr, "usage: tend-logger [--home DIR]\n");
		return EXIT_USAGE;
	}
	(void)signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is one more reason why a file refuses bytes */
	code = run(&d, home);
	release(&d);
	return code;
}
