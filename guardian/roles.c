/*
 * guardian/roles.c - the three daemons: started, watched, started again.
 *
 * A daemon that ends soon after its start is started again after a delay that doubles (100 ms to 5
 * s), so that a broken build doesn't eat a processor; one that had run for a while is started again
 * at once.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/procfs.h"
#include "base/say.h"
#include "base/spawn.h"
#include "guardian/guardian.h"
#include "shm/events.h"

#define ROLE_STABLE_NS	     (1 * NS_PER_SEC)
#define ROLE_RETRY_NS	     (100 * NS_PER_MS)
#define ROLE_RETRY_DOUBLINGS 6u /* 100 ms << 6 = 6.4 s, cut to 5 s */
#define ROLE_RETRY_MAX_NS    (5 * NS_PER_SEC)
#define ROLE_LAST_TRIES	     3u /* at the end of the instance: of the spawner, of the logger */

static void note_start(struct guarded_role *r, pid_t pid, uint64_t start_ticks, bool restarted)
{
	struct pt_daemon *d = &r->g->record[r->role];

	d->pid = pid;
	d->start_ticks = start_ticks;
	d->since_real_ns = clock_real_ns();
	d->since_boot_ns = clock_boot_ns();
	if (restarted)
		d->restarts++;
	if (restarted)
		tell_daemon(r->g, r->role);
	table_record(r->g, r->role);
}

static void retry_later(struct guarded_role *r, uint64_t delay_ns)
{
	loop_timer_set(r->g->loop, &r->retry, clock_boot_ns() + delay_ns);
}

#define READY_FD 3 /* of the spawner */

static int spawn(struct guarded_role *r, int ready, pid_t *ret)
{
	struct spawn s = SPAWN_INIT;

	s.program = r->program;
	s.argv = r->argv;
	if (ready >= 0)
		s.fd[READY_FD] = ready;
	if (r->g->shutting > 1)
		/* it is sent at once, and waits until the daemon can end in order */
		s.blocked = SIGTERM;
	return spawn_begin(&s, ret);
}

static void forget_ready(struct guardian *g)
{
	loop_unwatch(g->loop, g->ready_watch);
	g->ready_watch = NULL;
	io_close(&g->ready_fd);
}

/* The spawner has taken over what there was: its rows are in the table. */
static void on_ready(void *arg, uint32_t events)
{
	struct guardian *g = arg;
	char word[8];
	ssize_t n = read(g->ready_fd, word, sizeof(word));

	if (n < 0 && events && (errno == EAGAIN || errno == EINTR))
		return;
	forget_ready(g);
	if (n <= 0) /* it died over it; the next one says so */
		return;
	fifos_hold(g);
	upgrade_release(g);
	if (g->unfilled) {
		g->unfilled = false;
		g->reap_due = true;
	}
	roles_upgrade(g);
}

/* The write end, or -errno. */
static int watch_ready(struct guardian *g)
{
	int r, ends[2];

	forget_ready(g);
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	g->ready_fd = ends[0];
	r = loop_watch(g->loop, g->ready_fd, EPOLLIN, on_ready, g, &g->ready_watch);
	if (r == 0)
		return ends[1];
	io_close(&g->ready_fd);
	io_close(&ends[1]);
	return r;
}

static void fill_argv(struct guarded_role *r, int ready)
{
	size_t n = 3;

	if (r->role == ROLE_SPAWNER && r->g->resurrect)
		r->argv[n++] = (char *)(uintptr_t) "--resurrect";
	if (ready >= 0) {
		r->argv[n++] = (char *)(uintptr_t) "--ready-fd";
		r->argv[n++] = (char *)(uintptr_t) "3";
	}
	r->argv[n] = NULL;
}

static const char *own_name(const struct guarded_role *r, char buf[static 32])
{
	snprintf(buf, 32, "tend-%s", role_name(r->role));
	return buf;
}

static void start(struct guarded_role *r, bool again)
{
	int ready = -1;
	struct procfs_stat st = { 0 };
	struct fault f = { "" };
	char name[32];
	pid_t pid = 0;
	int e;

	e = home_program(own_name(r, name), r->program, &f);
	if (e == 0 && r->role == ROLE_SPAWNER && (e = ready = watch_ready(r->g)) > 0)
		e = 0;
	fill_argv(r, ready);
	if (e == 0)
		e = spawn(r, ready, &pid);
	if (e < 0 && !f.text[0])
		fault_errno(&f, e, "cannot start %s", r->program);
	io_close(&ready);
	if (e < 0) {
		if (!r->failed)
			say(SAY_ERROR, "%s; trying again every %d s", f.text,
				(int)(ROLE_RETRY_MAX_NS / NS_PER_SEC));
		r->failed = true;
		retry_later(r, ROLE_RETRY_MAX_NS);
		r->g->step_due = true;
		return;
	}
	if (r->role == ROLE_SPAWNER)
		r->g->resurrect = 0;
	r->failed = false;
	procfs_stat(pid, &st);
	r->child = pid;
	note_start(r, pid, st.start_ticks, again);
}

static bool ended_in_order(const struct guarded_role *r)
{
	const struct pt_daemon *d = &r->g->record[r->role];

	return d->exit_kind == PT_EXIT_KNOWN && d->wait_status == 0;
}

bool roles_spawner_is_done(const struct guardian *g)
{
	const struct guarded_role *r = &g->role[ROLE_SPAWNER];

	return r->child == 0 && r->other.pid == 0 &&
		(ended_in_order(r) || r->failed || r->quick >= ROLE_LAST_TRIES) && table_rests(g);
}

/* One that drains what still lies in the pipes, and ends. */
static void start_last(struct guarded_role *r)
{
	start(r, true);
	if (r->child)
		kill(r->child, SIGTERM);
}

/* While the instance ends: who is started again? The spawner until it is done, the logger until all
 * is drained. */
static bool is_needed(struct guarded_role *r)
{
	struct guardian *g = r->g;

	if (!g->shutting)
		return true;
	if (g->shutting > 1 && r->role == ROLE_LOGGER && !ended_in_order(r) &&
		r->quick < ROLE_LAST_TRIES) {
		say(SAY_WARNING, "the logger ended before all was drained; starting another");
		start_last(r);
		return false;
	}
	g->step_due = true;
	return g->shutting == 1 && r->role != ROLE_MONITOR && !roles_spawner_is_done(g);
}

static void ended(struct guarded_role *r, int exit_kind, int wait_status)
{
	struct pt_daemon *d = &r->g->record[r->role];
	uint64_t lived = clock_boot_ns() - d->since_boot_ns;
	uint64_t delay;

	d->exit_kind = (uint8_t)exit_kind;
	d->wait_status = wait_status;
	table_record(r->g, r->role);
	if (r->role == ROLE_SPAWNER) {
		if (r->g->ready_fd >= 0)
			/* it may have said so and ended, and we heard of the end first */
			on_ready(r->g, 0);
		/* what it launched and had not announced yet has nobody else to hold its output */
		fifos_hold(r->g);
	}
	if (r->outdated && !r->g->shutting) {
		r->outdated = false;
		say(SAY_INFO, "starting the new %s", role_name(r->role));
		start(r, false);
		tell_daemon(r->g, r->role);
		roles_upgrade(r->g);
		return;
	}
	r->quick = lived < ROLE_STABLE_NS ? r->quick + 1 : 0;
	if (!is_needed(r))
		return;
	if (r->quick < 2) {
		say(SAY_WARNING, "the %s ended; starting it again", role_name(r->role));
		start(r, true);
		return;
	}
	delay = ROLE_RETRY_NS << (r->quick < ROLE_RETRY_DOUBLINGS ? r->quick
								  : ROLE_RETRY_DOUBLINGS);
	say(SAY_WARNING,
		"the %s ended %u times in a row soon after its start; waiting before the next",
		role_name(r->role), r->quick);
	retry_later(r, delay < ROLE_RETRY_MAX_NS ? delay : ROLE_RETRY_MAX_NS);
}

static void on_other_ended(void *arg, uint32_t events)
{
	struct guarded_role *r = arg;

	(void)events;
	loop_unwatch(r->g->loop, r->watch);
	r->watch = NULL;
	pidref_done(&r->other);
	ended(r, PT_EXIT_LOST, 0);
}

/* Someone holds the role's lock already: an earlier guardian's daemon. Watch it instead of starting
 * one. */
static bool watch_holder(struct guarded_role *r)
{
	struct guardian *g = r->g;
	pid_t pid = 0;
	uint64_t start_ticks = 0;

	if (role_holder(g->start.home.run_fd, r->role, &pid, &start_ticks) < 0)
		return false;
	/* Our own pid: we were the spawner, and a child that it forked shares the lock until it
	 * ends. There is no spawner. */
	if (pid == 0 || pid == getpid() || pidref_open(pid, start_ticks, &r->other) < 0)
		return false;
	if (loop_watch(g->loop, r->other.fd, EPOLLIN, on_other_ended, r, &r->watch) < 0) {
		pidref_done(&r->other);
		return false;
	}
	if (g->record[r->role].pid != pid || g->record[r->role].start_ticks != r->other.start_ticks)
		note_start(r, pid, r->other.start_ticks, false);
	return true;
}

static void on_retry(void *arg)
{
	struct guarded_role *r = arg;

	if (r->g->shutting > 1 || (r->g->shutting && r->role == ROLE_MONITOR))
		return;
	if (r->child == 0 && r->other.pid == 0 && !watch_holder(r))
		start(r, r->g->record[r->role].pid != 0);
}

bool role_reaped(struct guardian *g, pid_t pid, int wait_status)
{
	for (unsigned i = ROLE_SPAWNER; i < ROLE_MAX; i++) {
		struct guarded_role *r = &g->role[i];

		if (r->child != pid)
			continue;
		r->child = 0;
		if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == DAEMON_EXIT_TAKEN &&
			!g->shutting) {
			say(SAY_WARNING, "another %s holds its lock", role_name(r->role));
			if (!watch_holder(r))
				retry_later(r, ROLE_RETRY_NS);
			return true;
		}
		if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == DAEMON_EXIT_LAYOUT &&
			!g->shutting)
			(void)upgrade_to_installed(g);
		ended(r, PT_EXIT_KNOWN, wait_status);
		return true;
	}
	return false;
}

void roles_begin(struct guardian *g)
{
	struct fault f = { "" };
	char name[32];

	for (unsigned i = ROLE_SPAWNER; i < ROLE_MAX; i++) {
		struct guarded_role *r = &g->role[i];

		*r = (struct guarded_role){ .g = g, .role = i, .other = PIDREF_NONE };
		loop_timer_init(&r->retry, on_retry, r);
		r->argv[0] = r->program;
		r->argv[1] = (char *)(uintptr_t) "--home";
		r->argv[2] = g->start.home.path;
		if (!watch_holder(r))
			start(r, g->record[i].pid != 0);
		else if (g->upgrading)
			r->outdated = home_program(own_name(r, name), r->program, &f) == 0 &&
				!procfs_runs(r->other.pid, r->program);
	}
	if (g->role[ROLE_SPAWNER].other.pid && !g->role[ROLE_SPAWNER].outdated)
		g->unfilled = false; /* it notices the new table and fills it */
	roles_upgrade(g);
}

/*
 * One after the other: the spawner first, since it knows what the table must say; the logger only
 * once we hold every output FIFO again. A daemon ends in order at SIGTERM, and is started anew when
 * it has ended.
 */
void roles_upgrade(struct guardian *g)
{
	static const enum role order[] = { ROLE_SPAWNER, ROLE_LOGGER, ROLE_MONITOR };

	if (!g->upgrading)
		return;
	for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		struct guarded_role *r = &g->role[order[i]];

		if (r->outdated && !r->told) {
			say(SAY_INFO, "replacing the %s", role_name(r->role));
			r->told = true;
			pidref_signal(&r->other, SIGTERM);
		}
		if (r->outdated || (r->role == ROLE_SPAWNER && g->ready_fd >= 0))
			return;
	}
	say(SAY_INFO, "all daemons run the new programs");
	g->upgrading = false;
}

static bool gone(const struct guarded_role *r)
{
	return r->abandoned || (r->child == 0 && r->other.pid == 0);
}

bool roles_gone(const struct guardian *g)
{
	return gone(&g->role[ROLE_SPAWNER]) && gone(&g->role[ROLE_MONITOR]) &&
		gone(&g->role[ROLE_LOGGER]);
}

void roles_end(struct guardian *g)
{
	for (unsigned i = ROLE_SPAWNER; i < ROLE_MAX; i++) {
		if (g->role[i].child)
			/* our own unreaped child: the pid can't be another's */
			kill(g->role[i].child, SIGTERM);
		else if (g->role[i].other.pid)
			pidref_signal(&g->role[i].other, SIGTERM);
		else if (i == ROLE_LOGGER)
			start_last(&g->role[i]); /* it has crashed, and was to be started later */
	}
}
