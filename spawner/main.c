/* spawner/main.c - tend-spawner: event loop, doorbells, the guardian's death, the end of the
 * instance. */
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
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/inherited.h"
#include "base/io.h"
#include "base/procfs.h"
#include "base/say.h"
#include "base/str.h"
#include "shm/lock.h"
#include "shm/wake.h"
#include "spawner/drive.h"
#include "spawner/handover.h"
#include "spawner/rows.h"
#include "spawner/shutdown.h"

#define ANNOUNCE_AGAIN_NS (100 * NS_PER_MS)
#define GUARDIAN_WAIT_NS  (100 * NS_PER_MS)

static void usage(FILE *out)
{
	fputs("usage: tend-spawner [--home DIR] [--resurrect]\n"
	      "\n"
	      "Launches, stops and restarts the processes of an instance of tend. tend-guardian(8) starts it.\n",
		out);
}

static const char *parse(int argc, char **argv, bool *resurrect, int *ready_fd)
{
	static const struct option longs[] = {
		{ "home", required_argument, NULL, 'h' },
		{ "resurrect", no_argument, NULL, 'r' },
		{ "ready-fd", required_argument, NULL, 'f' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'H' },
		{ NULL, 0, NULL, 0 },
	};
	const char *home = NULL;
	int64_t fd;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'h':
			home = optarg;
			break;
		case 'r':
			*resurrect = true;
			break;
		case 'v':
			pt_print_version("tend-spawner", stdout);
			exit(0);
		case 'H':
			usage(stdout);
			exit(0);
		case 'f':
			if (str_int(optarg, 0, INT32_MAX, &fd) == 0) {
				*ready_fd = (int)fd;
				break;
			}
			__attribute__((fallthrough));
		default:
			usage(stderr);
			exit(2);
		}
	}
	if (optind < argc) {
		usage(stderr);
		exit(2);
	}
	return home;
}

static void end_all(struct spawner *sp)
{
	for (uint32_t i = 0; i < sp->capacity; i++) {
		struct proc *p = sp->slot[i];
		struct cause why = { .reason = PT_REASON_SHUTDOWN };

		if (!p || !proc_is_up(p) || p->life.state == PT_STATE_STOPPING)
			continue;
		why.timeout_ms = p->ident->stop_timeout_ms;
		proc_event(p, EV_STOP, &why);
	}
}

static void check_shutdown(struct spawner *sp)
{
	struct pt_daemon g;

	if (sp->shutting || pt_read_daemon(sp->pt, ROLE_GUARDIAN, &g) < 0 ||
		!(g.flags & PT_DAEMON_SHUTDOWN))
		return;
	sp->shutting = true;
	end_all(sp);
	spawner_all_rest(sp);
}

static void on_bell(void *arg, uint32_t events)
{
	struct spawner *sp = arg;

	(void)events;
	bell_drain(sp->bell);
	pt_lock_heal(sp->pt);
	if (pt_is_stale(sp->pt, &sp->start.home))
		adopt_segment(sp);
	exits_look(sp);
	check_shutdown(sp);
	commands_scan(sp);
}

static void on_commands_retry(void *arg)
{
	struct spawner *sp = arg;

	if (pt_is_stale(sp->pt, &sp->start.home))
		adopt_segment(sp);
	commands_scan(sp);
}

static void on_look(void *arg)
{
	struct spawner *sp = arg;
	bool asked = sp->asking > 0;

	exits_watch_again(sp);
	if (asked && sp->asking == 0)
		commands_scan(sp);
}

static void on_sweep(void *arg)
{
	rows_sweep(arg);
}

static void on_signal(void *arg, uint32_t events)
{
	struct spawner *sp = arg;
	struct signalfd_siginfo si;

	(void)events;
	while (read(sp->signals, &si, sizeof(si)) == (ssize_t)sizeof(si))
		if (si.ssi_signo == SIGTERM)
			loop_stop(sp->loop, 0); /* processes run on; a new spawner adopts them */
	exits_reap(sp);
}

/* False: there was no descriptor for it. One that is down looks for itself when it starts. */
static bool announce(struct spawner *sp, enum role role, int *bell)
{
	int r = bell_ring_kept(&sp->start.home, role, bell);

	return r == 0 || r == -ENXIO;
}

/* What a turn has published is announced once; if that fails, again a moment later. */
static void after_batch(void *arg)
{
	struct spawner *sp = arg;
	bool told = true;

	if (sp->pids_changed)
		told = announce(sp, ROLE_GUARDIAN, &sp->guardian_bell) &&
			announce(sp, ROLE_LOGGER, &sp->logger_bell);
	if (sp->changed) {
		told = announce(sp, ROLE_MONITOR, &sp->monitor_bell) && told;
		pt_changed(sp->pt);
	}
	if (told)
		sp->changed = sp->pids_changed = false;
	else
		proc_look_soon(sp, ANNOUNCE_AGAIN_NS);
}

/* Our read ends outlive our execve, until the guardian that we become has opened its own
 * (guardian/upgrade.c finds them). */
static void keep_keepers(const struct spawner *sp, int flags)
{
	for (uint32_t i = 0; i < sp->capacity; i++) {
		const struct proc *p = sp->slot[i];

		if (p && p->keeper_fd >= 0)
			fcntl(p->keeper_fd, F_SETFD, flags);
		if (p && p->keeper_err_fd >= 0)
			fcntl(p->keeper_err_fd, F_SETFD, flags);
	}
}

/*
 * The guardian died. Take its place: same pid, so our children stay ours, and the subreaper bit
 * survives the execve. Someone else may have been quicker (a CLI that found no guardian); then that
 * one is watched.
 */
static void promote(struct spawner *sp)
{
	char program[PATH_MAX], lock[16], segment[16], capacity[16];
	struct fault f = { "" };
	int lock_fd = -1, segment_fd = pt_fd(sp->pt);
	char *argv[] = { program, (char *)(uintptr_t) "--home", sp->start.home.path,
		(char *)(uintptr_t) "--lock-fd", lock, (char *)(uintptr_t) "--segment-fd", segment,
		(char *)(uintptr_t) "--capacity", capacity, NULL };

	if (role_lock(sp->start.home.run_fd, ROLE_GUARDIAN, &lock_fd) < 0)
		return;
	if (home_program("tend-guardian", program, &f) < 0) {
		say(SAY_ERROR, "the guardian died, and: %s", f.text);
		io_close(&lock_fd);
		return;
	}
	say(SAY_WARNING, "the guardian (pid %d) died; taking its place", (int)sp->guardian.pid);
	fcntl(lock_fd, F_SETFD, 0);
	fcntl(segment_fd, F_SETFD, 0);
	snprintf(lock, sizeof(lock), "%d", lock_fd);
	snprintf(segment, sizeof(segment), "%d", segment_fd);
	snprintf(capacity, sizeof(capacity), "%u", sp->capacity);
	handover_write(sp); /* what is installed by now may be a build that can't read this table */
	save_abort(sp);
	keep_keepers(sp, 0);
	execv(program, argv);
	say(SAY_ERROR, "cannot execute %s: %s", program, strerror(errno));
	handover_forget(sp); /* what it says is true for now only */
	keep_keepers(sp, FD_CLOEXEC);
	fcntl(segment_fd, F_SETFD, FD_CLOEXEC);
	io_close(&lock_fd);
}

static void watch_guardian(struct spawner *sp);

static void on_guardian_gone(void *arg, uint32_t events)
{
	struct spawner *sp = arg;

	(void)events;
	loop_unwatch(sp->loop, sp->guardian_watch);
	sp->guardian_watch = NULL;
	promote(sp);
	pidref_done(&sp->guardian);
	watch_guardian(sp);
	exits_look(sp); /* a note that we awaited from it may never come */
}

static struct loop_timer guardian_retry;

static void on_guardian_retry(void *arg)
{
	watch_guardian(arg);
}

static void watch_guardian(struct spawner *sp)
{
	pid_t pid = 0;
	uint64_t start_ticks = 0;

	if (role_holder(sp->start.home.run_fd, ROLE_GUARDIAN, &pid, &start_ticks) == 0 &&
		pid != 0 && pidref_open(pid, start_ticks, &sp->guardian) == 0 &&
		loop_watch(sp->loop, sp->guardian.fd, EPOLLIN, on_guardian_gone, sp,
			&sp->guardian_watch) == 0)
		return;
	pidref_done(&sp->guardian);
	promote(sp); /* there is none */
	loop_timer_set(sp->loop, &guardian_retry, clock_boot_ns() + GUARDIAN_WAIT_NS);
}

static int begin(struct spawner *sp, struct fault *f)
{
	static const int wanted[] = { SIGCHLD, SIGTERM };
	struct loop_watch *w;
	struct pt_info info;
	char path[64];
	int r = pt_attach_as(&sp->start.home, PT_SPAWNER, &sp->pt, f);

	if (r < 0)
		return r;
	pt_get_info(sp->pt, &info);
	sp->capacity = info.capacity;
	sp->slot = calloc(info.capacity, sizeof(struct proc *));
	sp->pid = calloc(info.capacity, sizeof(*sp->pid));
	if (!sp->slot || !sp->pid || loop_new(&sp->loop) < 0)
		return fault_errno(f, -ENOMEM, "cannot start the spawner");
	loop_timer_init(&sp->commands_retry, on_commands_retry, sp);
	loop_timer_init(&sp->look_timer, on_look, sp);
	loop_timer_init(&sp->sweep_timer, on_sweep, sp);
	loop_timer_init(&guardian_retry, on_guardian_retry, sp);
	loop_after_batch(sp->loop, after_batch, sp);
	sp->signals = loop_signalfd(wanted, 2);
	sp->bell = bell_open(&sp->start.home, ROLE_SPAWNER);
	if (sp->signals < 0 || sp->bell < 0)
		return fault_errno(f, sp->bell < 0 ? sp->bell : sp->signals,
			"cannot open the spawner's doorbell");
	if ((r = loop_watch(sp->loop, sp->signals, EPOLLIN, on_signal, sp, &w)) < 0 ||
		(r = loop_watch(sp->loop, sp->bell, EPOLLIN, on_bell, sp, &w)) < 0)
		return fault_errno(f, r, "cannot start the spawner");
	snprintf(path, sizeof(path), "/proc/self/task/%ld/children", (long)syscall(SYS_gettid));
	sp->children_fd = io_open(AT_FDCWD, path, O_RDONLY, 0);
	return save_load(sp, f);
}

static int spawner(int argc, char **argv)
{
	static struct spawner sp = { .on_deadline = drive_deadline,
		.on_leftover = drive_leftover,
		.bell = -1,
		.signals = -1,
		.children_fd = -1,
		.guardian_bell = -1,
		.monitor_bell = -1,
		.logger_bell = -1,
		.wishes = { .fd = -1 },
		.guardian = PIDREF_NONE };
	struct fault f = { "" };
	int ready_fd = -1, r;
	const char *home;

	inherited_reset();
	home = parse(argc, argv, &sp.resurrect, &ready_fd);
	r = daemon_begin(ROLE_SPAWNER, home, &sp.start);
	if (r)
		return r;
	if (ready_fd >= 0)
		(void)fcntl(ready_fd, F_SETFD, FD_CLOEXEC);
	pt_tolerate_truncation();
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	sp.no_clone3 = daemon_disabled("clone3");
	r = begin(&sp, &f);
	if (r < 0) {
		say(SAY_ERROR, "%s", f.text);
		return r == -EPROTO ? DAEMON_EXIT_LAYOUT : 1;
	}
	if (procfs_boot_id(sp.boot_id) < 0)
		sp.boot_id[0] = 0;
	cgroup_begin(&sp.cgroup, &sp.start.home);
	watch_guardian(&sp);
	r = adopt_all(&sp);
	if (r < 0) {
		say(SAY_ERROR, "cannot take over the processes: %s", strerror(-r));
		return 1;
	}
	check_shutdown(&sp);
	commands_scan(&sp);
	rows_sweep(&sp);
	after_batch(&sp);
	if (ready_fd >= 0) {
		(void)io_write_all(ready_fd, "ok\n", 3);
		io_close(&ready_fd);
	}
	r = loop_run(sp.loop);
	if (r == 0 && !sp.shutting)
		handover_write(&sp);
	if (r == 0 && sp.shutting) {
		rows_sweep(&sp);
		for (uint32_t i = 0; i < sp.capacity; i++)
			if (sp.slot[i])
				cgroup_remove(&sp.cgroup, sp.slot[i]->ident->name);
		cgroup_end(&sp.cgroup, &sp.start.home);
	}
	return r ? 1 : 0;
}

int main(int argc, char **argv)
{
	return inherited_run(spawner, argc, argv);
}
