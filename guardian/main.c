/* guardian/main.c - tend-guardian: options, event loop, and the orderly end of an instance. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cgroupfs.h"
#include "base/clock.h"
#include "base/inherited.h"
#include "base/io.h"
#include "base/procfs.h"
#include "base/say.h"
#include "base/str.h"
#include "guardian/guardian.h"
#include "shm/ring.h"
#include "shm/wake.h"

#define RING_AGAIN_NS (100 * NS_PER_MS)

static struct {
	const char *home;
	int ready_fd, lock_fd, segment_fd;
	uint32_t capacity;
	int resurrect;
	bool upgrade, resume;
} options = { .ready_fd = -1, .lock_fd = -1, .segment_fd = -1 };

static void usage(FILE *out)
{
	fputs("usage: tend-guardian [--home DIR] [--capacity ROWS] [--resurrect] [--ready-fd N]\n"
	      "\n"
	      "The root of an instance of tend: keeps its daemons alive. It stays in the foreground; tend(1) starts it in the background.\n"
	      "As PID 1 of a container, or under systemd, use --resurrect: what was desired up is started.\n"
	      "SIGTERM or SIGINT stops every process, then the daemons.\n",
		out);
}

/* One line for whoever started us: "ok", or what is wrong. */
static void report(const char *text)
{
	char line[FAULT_MAX + 2];
	int n = snprintf(line, sizeof(line), "%s\n", text);

	if (options.ready_fd < 0)
		return;
	(void)io_write_all(options.ready_fd, line, (size_t)n);
	io_close(&options.ready_fd);
}

static int number(const char *text, int64_t min, int64_t max, const char *option)
{
	int64_t value = 0;

	if (str_int(text, min, max, &value) < 0) {
		struct fault f = { "" };

		fault_set(&f, -EINVAL, "%s: '%s' is not a number from %lld to %lld", option, text,
			(long long)min, (long long)max);
		fprintf(stderr, "tend-guardian: %s\n", f.text);
		report(f.text);
		exit(2);
	}
	return (int)value;
}

/* Called after the options: one of them says whom to tell of a wrong variable. */
static void default_capacity(void)
{
	const char *capacity = getenv("TEND_CAPACITY");

	if (options.capacity == 0 && capacity && *capacity)
		options.capacity = (uint32_t)number(capacity, 1, PT_CAPACITY_MAX, "TEND_CAPACITY");
	if (options.capacity == 0)
		options.capacity = PT_CAPACITY_DEFAULT;
}

static void parse(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "home", required_argument, NULL, 'h' },
		{ "ready-fd", required_argument, NULL, 'r' },
		{ "capacity", required_argument, NULL, 'c' },
		{ "resurrect", no_argument, NULL, 'u' },
		{ "lock-fd", required_argument, NULL, 'l' },
		{ "segment-fd", required_argument, NULL, 's' },
		{ "upgrade", no_argument, NULL, 'U' },
		{ "resume", no_argument, NULL, 'R' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, '?' + 256 },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'h':
			options.home = optarg;
			break;
		case 'r':
			options.ready_fd = number(optarg, 0, INT32_MAX, "--ready-fd");
			break;
		case 'l':
			options.lock_fd = number(optarg, 0, INT32_MAX, "--lock-fd");
			break;
		case 's':
			options.segment_fd = number(optarg, 0, INT32_MAX, "--segment-fd");
			break;
		case 'c':
			options.capacity = (uint32_t)number(
				optarg, 1, PT_CAPACITY_MAX, "--capacity");
			break;
		case 'u':
			options.resurrect = 1;
			break;
		case 'U':
			options.upgrade = true;
			break;
		case 'R':
			options.resume = true;
			break;
		case 'v':
			pt_print_version("tend-guardian", stdout);
			exit(0);
		case '?' + 256:
			usage(stdout);
			exit(0);
		default:
			usage(stderr);
			exit(2);
		}
	}
	default_capacity();
	if (optind < argc) {
		usage(stderr);
		exit(2);
	}
}

/* A process has an end of its own output pipes at the numbers up to HOME_KEEPER_ERR_FD. */
static bool too_few_files(struct fault *f)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_max > HOME_KEEPER_ERR_FD)
		return false;
	fault_set(f, -EMFILE,
		"the limit of open files is %llu (ulimit -Hn), and tend needs %d at least",
		(unsigned long long)files.rlim_max, HOME_KEEPER_ERR_FD + 1);
	return true;
}

static int begin(struct guardian *g, struct fault *f)
{
	int r;

	/* a spawner or an older guardian became us by execve and hands its lock over */
	if (options.lock_fd >= 0) {
		say_init("guardian");
		r = home_open(options.home, HOME_CREATE, &g->start.home, f);
		if (r < 0)
			return 1;
		g->start.lock_fd = options.lock_fd;
		fcntl(options.lock_fd, F_SETFD, FD_CLOEXEC);
		role_sign(options.lock_fd);
		say_follow(g->start.home.logs_fd, HOME_LOG_FILE);
		upgrade_inherit(g);
		return 0;
	}
	if (too_few_files(f))
		return 1;
	r = home_open(options.home, HOME_CREATE, &g->start.home, f);
	if (r < 0)
		return 1;
	home_close(&g->start.home);
	r = daemon_begin(ROLE_GUARDIAN, options.home, &g->start);
	if (r == DAEMON_EXIT_TAKEN)
		fault_set(f, -EBUSY, "another guardian runs the home %s", g->start.home.path);
	else if (r)
		fault_set(f, -EIO, "cannot lock the home %s", options.home ? options.home : "");
	return r;
}

/* Where there is no descriptor for that: again a moment later. */
static void ring_spawner(struct guardian *g)
{
	int r = bell_ring_kept(&g->start.home, ROLE_SPAWNER, &g->spawner_bell);

	if (r < 0 && r != -ENXIO) /* one that is down looks for itself when it starts */
		loop_timer_set(g->loop, &g->ring_retry, clock_boot_ns() + RING_AGAIN_NS);
}

static void on_ring_retry(void *arg)
{
	ring_spawner(arg);
}

/* The instance is to end: stop everything first. */
static void shut_down(struct guardian *g)
{
	if (g->shutting)
		return;
	say(SAY_INFO, "stopping every process, then the daemons");
	g->shutting = 1;
	g->record[ROLE_GUARDIAN].flags |= PT_DAEMON_SHUTDOWN;
	table_record(g, ROLE_GUARDIAN);
	patience_begin(g);
	ring_spawner(g);
}

/* The instance is ending: what is next? */
static void step_down(struct guardian *g)
{
	if (g->shutting == 1 && roles_spawner_is_done(g)) {
		g->shutting = 2;
		roles_end(g);
	}
	if (g->shutting == 2 && roles_gone(g))
		loop_stop(g->loop, 0);
}

static bool take(bool *due)
{
	bool was = *due;

	*due = false;
	return was;
}

/* After each turn of the loop: what the other files found to be due. One may lead to the next, so
 * none of them does it by itself, in the midst of another. */
static void settle(void *arg)
{
	struct guardian *g = arg;

	while (g->reap_due || g->step_due) {
		if (take(&g->reap_due))
			orphans_reap(g);
		if (take(&g->step_due))
			step_down(g);
	}
	if (take(&g->ring_due))
		ring_spawner(g);
}

static void carry_out_commands(struct guardian *g)
{
	struct pt_answer answer = { 0 };
	struct pt_command c;
	uint64_t after = 0;

	while (pt_command_next(g->pt, after, &c) == 0) {
		after = c.ticket.number;
		shut_down(g);
		pt_command_done(g->pt, c.ticket, &answer);
	}
}

static void on_bell(void *arg, uint32_t events)
{
	struct guardian *g = arg;

	(void)events;
	bell_drain(g->bell);
	if (g->spawner_bell < 0) /* to have it when run/ is gone and the instance is to end */
		ring_spawner(g);
	table_check(g);
	fifos_hold(g);
	carry_out_commands(g);
}

static void on_signal(void *arg, uint32_t events)
{
	struct guardian *g = arg;
	struct signalfd_siginfo si;
	bool children = false, hangup = false;

	(void)events;
	while (read(g->signals, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo == SIGCHLD)
			children = true;
		else if (si.ssi_signo == SIGHUP)
			hangup = true;
		else
			shut_down(g);
	}
	if (children)
		g->reap_due = true;
	if (hangup)
		upgrade_asked(g);
}

/* Started by a command that ran inside one of our own processes, we would be in that process's
 * cgroup, and be killed with it. */
static void leave_process(const struct guardian *g)
{
	char own[PATH_MAX], mark[32], *nested;

	snprintf(mark, sizeof(mark), "/tend-%016llx/", (unsigned long long)g->start.home.id);
	if (daemon_disabled("cgroup") || cgroupfs_own(own) < 0 || !(nested = strstr(own, mark)))
		return;
	*nested = 0;
	if (cgroupfs_join(own) < 0)
		say(SAY_WARNING,
			"cannot leave the cgroup of the process that started this instance, ignoring");
}

static int watch_all(struct guardian *g)
{
	static const int wanted[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP };
	struct loop_watch *w;
	int r = loop_new(&g->loop);

	if (r < 0)
		return r;
	loop_timer_init(&g->ring_retry, on_ring_retry, g);
	loop_after_batch(g->loop, settle, g);
	g->signals = loop_signalfd(wanted, sizeof(wanted) / sizeof(wanted[0]));
	g->bell = bell_open(&g->start.home, ROLE_GUARDIAN);
	if (g->signals < 0 || g->bell < 0)
		return g->signals < 0 ? g->signals : g->bell;
	if ((r = loop_watch(g->loop, g->signals, EPOLLIN, on_signal, g, &w)) < 0)
		return r;
	return loop_watch(g->loop, g->bell, EPOLLIN, on_bell, g, &w);
}

/* Everything has stopped: leave nothing of the instance but what is on disk. The FIFOs stay with
 * their specs until tend remove. The table goes last: while it is there, tend stop waits, and sees
 * that we have died if we do. */
static void clean_up(struct guardian *g)
{
	char name[32];

	for (unsigned i = 0; i < ROLE_MAX; i++) {
		snprintf(name, sizeof(name), "bell.%s", role_name(i));
		(void)io_remove(g->start.home.run_fd, name, 0);
	}
	pt_changed(g->pt);
	pt_unlink(&g->start.home);
	say(SAY_INFO, "ended");
}

static int guard(int argc, char **argv)
{
	static struct guardian g = {
		.bell = -1, .signals = -1, .inotify = -1, .spawner_bell = -1, .ready_fd = -1
	};
	struct fault f = { "" };
	int r;

	inherited_reset();
	parse(argc, argv);
	r = begin(&g, &f);
	if (r) {
		say_init("guardian");
		say(SAY_ERROR, "%s", f.text);
		report(f.text);
		return r;
	}
	pt_tolerate_truncation();
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	leave_process(&g);
	g.capacity = options.capacity;
	g.resurrect = options.resurrect;
	g.upgrading = options.upgrade;
	g.resumes = options.resume || options.segment_fd >= 0;
	r = table_begin(&g, options.segment_fd, &f);
	io_close(&options.segment_fd);
	if (r == 0 && ((r = watch_all(&g)) < 0 || (r = fifos_begin(&g)) < 0))
		fault_errno(&f, r, "cannot start the guardian");
	if (r < 0) {
		say(SAY_ERROR, "%s", f.text);
		/* before the report: whoever reads it may look at once who is the guardian */
		io_close(&g.start.lock_fd);
		report(f.text);
		return 1;
	}
	table_watch(&g);
	report("ok");
	say(SAY_INFO, "guards %s", g.start.home.path);
	fifos_hold(&g);
	if (!g.unfilled)
		upgrade_release(&g); /* else once there are rows to hold FIFOs of */
	roles_begin(&g);
	if (g.shutting) /* an end that an earlier guardian began */
		patience_begin(&g);
	g.reap_due = true; /* after an execve, what ended before the signals were watched */
	settle(&g);
	r = loop_run(g.loop);
	if (r == 0)
		clean_up(&g);
	return r ? 1 : 0;
}

int main(int argc, char **argv)
{
	return inherited_run(guard, argc, argv);
}
