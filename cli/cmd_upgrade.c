/*
 * tend upgrade - move a running instance to the daemons that belong to this program. The guardian
 * goes on as the new guardian (execve: same pid, same children) and replaces the other three one
 * after the other; no process notices. This program only asks for it and watches, by the role
 * locks: they mean the same in every build, whatever its table looks like.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/io_replace.h"
#include "base/pidref.h"
#include "base/procfs.h"
#include "base/spawn.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/tell.h"
#include "client/ask.h"
#include "client/daemons.h"
#include "client/turn.h"
#include "client/view.h"

/* a daemon ends and starts in milliseconds, a logger in the middle of a large archive in seconds */
#define PATIENCE_NS   (30 * NS_PER_SEC)
#define SUCCESSION_NS (3 * NS_PER_SEC)

struct part {
	pid_t pid; /* 0 = does not run */
	uint64_t start_ticks;
	bool current; /* it runs the new program already */
	char program[PATH_MAX];
};

struct upgrade {
	struct home home;
	struct part part[ROLE_MAX];
	bool has_table, same_layout;
	bool started; /* there was no guardian */
	struct pt_layout found;
};

/* What a program says to --version, without its newline. */
static int ask_version(const char *program, char *buf, size_t size, struct fault *f)
{
	char *argv[] = { (char *)(uintptr_t)program, (char *)(uintptr_t) "--version", NULL };
	struct spawn s = SPAWN_INIT;
	int ends[2], status = 0, r;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return fault_errno(f, -errno, "cannot try %s", program);
	s.program = program;
	s.argv = argv;
	s.fd[STDOUT_FILENO] = ends[1];
	r = spawn_begin(&s, &pid);
	io_close(&ends[1]);
	while (r == 0 && len + 1 < size && (n = read(ends[0], buf + len, size - 1 - len)) > 0)
		len += (size_t)n;
	buf[len] = 0;
	buf[strcspn(buf, "\n")] = 0;
	io_close(&ends[0]);
	if (r < 0)
		return fault_errno(f, r, "cannot execute %s", program);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status != 0)
		return fault_set(f, -EIO, "%s does not run here (its --version fails)", program);
	return 0;
}

/* The four daemons beside this program: there, able to run, and of this very build. */
static int find_programs(struct upgrade *u, struct fault *f)
{
	char own[160] = "", said[160], name[32];
	FILE *out = fmemopen(own, sizeof(own), "w");
	int r;

	if (out) {
		pt_print_version("", out);
		fclose(out);
	}
	own[strcspn(own, "\n")] = 0;
	for (unsigned role = 0; role < ROLE_MAX; role++) {
		snprintf(name, sizeof(name), "tend-%s", role_name(role));
		r = home_program(name, u->part[role].program, f);
		if (r == 0)
			r = ask_version(u->part[role].program, said, sizeof(said), f);
		if (r < 0)
			return r;
		if (strncmp(said, name, strlen(name)) != 0 || strcmp(said + strlen(name), own) != 0)
			return fault_set(f, -EINVAL,
				"%s and this program are of different builds; install all programs of one build",
				u->part[role].program);
	}
	return 0;
}

static void look(struct upgrade *u)
{
	for (unsigned role = 0; role < ROLE_MAX; role++) {
		struct part *p = &u->part[role];

		p->pid = 0;
		if (role_holder(u->home.run_fd, (enum role)role, &p->pid, &p->start_ticks) < 0)
			p->pid = 0;
		p->current = p->pid && procfs_runs(p->pid, p->program);
	}
	u->has_table = pt_layout_found(&u->home, &u->found) == 0;
	u->same_layout = u->has_table && pt_layout_same(u->found, pt_layout_own());
}

static bool all_current(const struct upgrade *u)
{
	for (unsigned role = 0; role < ROLE_MAX; role++)
		if (!u->part[role].current)
			return false;
	return u->same_layout;
}

/* What would make it fail; nothing has been touched yet. */
static int obstacle(const struct upgrade *u, struct fault *f)
{
	for (unsigned role = 0; role < ROLE_MAX; role++) {
		const struct part *p = &u->part[role];
		char state = p->pid ? pid_state(p->pid, p->start_ticks) : 0;

		if (state == 'T' || state == 't')
			return fault_set(f, -EBUSY,
				"the %s (process %d) is stopped; \"kill -CONT %d\" lets it go on",
				role_name(role), p->pid, p->pid);
		if (p->pid && kill(p->pid, 0) < 0)
			return fault_errno(f, -errno,
				"the %s (process %d) can't be reached from here", role_name(role),
				p->pid);
	}
	return 0;
}

static void tell_plan(struct outcomes *oc, const struct upgrade *u)
{
	struct pt_layout own = pt_layout_own();

	for (unsigned role = 0; role < ROLE_MAX; role++) {
		const struct part *p = &u->part[role];

		if (p->current)
			outcome_say(
				oc, "  %-9s process %d runs this build", role_name(role), p->pid);
		else if (p->pid && role == ROLE_GUARDIAN)
			outcome_say(oc, "  %-9s process %d goes on as %s", role_name(role), p->pid,
				p->program);
		else if (p->pid)
			outcome_say(oc, "  %-9s process %d makes room for %s", role_name(role),
				p->pid, p->program);
		else
			outcome_say(oc, "  %-9s does not run; %s is started", role_name(role),
				p->program);
	}
	if (u->same_layout)
		outcome_say(oc, "  table     stays");
	else if (u->has_table)
		outcome_say(oc,
			"  table     is made again (layout %u, now %u): states, counts and events are kept; samples, verdicts and log counters begin anew",
			own.abi, u->found.abi);
	else
		outcome_say(oc, "  table     is made again");
}

/* The new spawner removes what the old one left for it once all rows are in its table. */
static bool is_taken_over(const struct upgrade *u)
{
	return faccessat(u->home.run_fd, HOME_HANDOVER_FILE, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
		errno == ENOENT;
}

/* Until every role is held by its new program, and the processes are in its table. */
static int await(struct upgrade *u, pid_t guardian, struct fault *f)
{
	uint64_t now = clock_boot_ns(), until = now + PATIENCE_NS, guarded = now;

	for (;; now = clock_boot_ns()) {
		look(u);
		if (all_current(u) && is_taken_over(u))
			return 0;
		if (u->part[ROLE_GUARDIAN].pid || u->part[ROLE_SPAWNER].pid)
			guarded = now;
		else if (now - guarded > SUCCESSION_NS) /* each of them brings the other back */
			return fault_set(f, -EIO,
				"guardian and spawner died in the middle of it; processes run on, and \"tend upgrade\" once more takes them over");
		/* An execve keeps the pid: another one means that the new guardian died and the old
		 * spawner took its place. */
		if (u->part[ROLE_GUARDIAN].pid && u->part[ROLE_GUARDIAN].pid != guardian)
			return fault_set(f, -EIO,
				"the new guardian ended; another one has taken its place. %s/logs/tend.log tells why",
				u->home.path);
		if (now > until)
			break;
		instance_nap(10);
	}
	for (unsigned role = 0; role < ROLE_MAX; role++)
		if (!u->part[role].current)
			return fault_set(f, -ETIMEDOUT,
				"the %s (process %d) was not replaced in time; %s/logs/tend.log may tell why",
				role_name(role), u->part[role].pid, u->home.path);
	return fault_set(f, -ETIMEDOUT,
		"the table was not made again, or not filled, in time; %s/logs/tend.log may tell why",
		u->home.path);
}

static int ask_guardian(struct upgrade *u, struct fault *f)
{
	const struct part *g = &u->part[ROLE_GUARDIAN];
	struct pidref guardian = PIDREF_NONE;
	char text[PATH_MAX + 1];
	int n = snprintf(text, sizeof(text), "%s\n", g->program);
	int r = io_replace(u->home.run_fd, HOME_UPGRADE_FILE, text, (size_t)n, IO_NO_SYNC);

	if (r < 0)
		return fault_errno(f, r, "cannot write %s/run/%s", u->home.path, HOME_UPGRADE_FILE);
	r = pidref_open(g->pid, g->start_ticks, &guardian);
	if (r == 0)
		r = pidref_signal(&guardian, SIGHUP);
	if (r < 0)
		fault_errno(f, r, "cannot reach the guardian (process %d)", g->pid);
	else
		r = await(u, g->pid, f);
	pidref_done(&guardian);
	(void)unlinkat(u->home.run_fd, HOME_UPGRADE_FILE, 0);
	return r;
}

/* Where the old spawner could hand nothing over the new one fills the table by itself, after it
 * has its role. */
static int await_rows(const struct watcher *w, struct fault *f)
{
	struct instance in = INSTANCE_NONE;
	int r = instance_open(&in, NULL, PT_CLIENT, f);

	if (r == 0)
		r = ask_sync(&in, w, f);
	instance_close(&in);
	return r;
}

static size_t count_up(void)
{
	struct fault f = { "" };
	struct view v = { 0 };
	size_t up = 0;

	if (view_take(NULL, &v, &f) == 0)
		for (size_t i = 0; i < v.n; i++)
			up += view_is_up(&v.row[i]);
	view_done(&v);
	return up;
}

static int check_or_upgrade(struct outcomes *oc, struct upgrade *u, bool only_check)
{
	struct fault f = { "" };
	size_t up;

	if (obstacle(u, &f) < 0)
		return TELL_FAIL(oc, "%s", f.text);
	if (all_current(u) && (only_check || !u->started)) {
		oc->daemons = "current";
		outcome_say(oc, "the daemons run this build (%s) already", TEND_VERSION);
		return EXIT_OK;
	}
	if (only_check) {
		oc->daemons = "outdated";
		outcome_say(oc,
			"tend upgrade would move the instance to version %s; processes run on",
			TEND_VERSION);
		tell_plan(oc, u);
		return EXIT_OK;
	}
	if ((!all_current(u) && ask_guardian(u, &f) < 0) || await_rows(oc->watcher, &f) < 0)
		return TELL_FAIL(oc, "%s", f.text);
	up = count_up();
	oc->daemons = "upgraded";
	outcome_say(oc, "the daemons run version %s now; %zu process%s ran on", TEND_VERSION, up,
		up == 1 ? "" : "es");
	return EXIT_OK;
}

/* No guardian, and nobody has stopped the instance: it died, in the middle of an earlier upgrade
 * perhaps. */
static bool is_orphaned(struct upgrade *u)
{
	look(u);
	for (unsigned role = 0; role < ROLE_MAX; role++)
		if (u->part[role].pid)
			return true;
	return u->has_table;
}

static int carry_out(struct outcomes *oc, struct upgrade *u, bool only_check)
{
	struct fault f = { "" };
	bool guarded;
	int turn, status;

	if (home_open(NULL, HOME_READ, &u->home, &f) < 0 || find_programs(u, &f) < 0)
		return TELL_FAIL(oc, "%s", f.text);
	/* removed under daemons that run */
	if (u->home.run_fd < 0 && instance_has_table(&u->home) && home_complete(&u->home, &f) < 0)
		return TELL_FAIL(oc, "%s", f.text);
	guarded = u->home.run_fd >= 0 && daemons_guarded(&u->home);
	if (!guarded && (u->home.run_fd < 0 || !is_orphaned(u))) {
		outcome_complain(oc, "nothing is running; the next \"tend start\" uses version %s",
			TEND_VERSION);
		return EXIT_NOT_RUNNING;
	}
	if (!guarded && !only_check && daemons_ensure(&u->home, &u->started, oc->watcher, &f) < 0)
		return TELL_FAIL(oc, "%s", f.text);
	turn = turn_take(&u->home, TURN_START, oc->watcher, &f);
	if (turn < 0)
		return TELL_FAIL(oc, "%s", f.text);
	look(u);
	status = check_or_upgrade(oc, u, only_check);
	io_close(&turn);
	return status;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "check", no_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' }, { 0 } };
	struct outcomes oc;
	struct upgrade *u;
	bool only_check = false, json = false;
	int opt, status;

	while ((opt = opts_next(self, argc, argv, options)) >= 0) {
		only_check = only_check || opt == 'c';
		json = json || opt == 'j';
	}
	if (opt != OPT_END)
		return opts_status(opt);
	if (!opts_operands(argc, 0, ""))
		return EXIT_MISUSE;
	u = calloc(1, sizeof(*u));
	if (!u)
		return out_fail("out of memory");
	oc = tell_begin(json);
	u->home = (struct home)HOME_INIT;
	status = tell_finish(&oc, self, json, carry_out(&oc, u, only_check));
	home_close(&u->home);
	free(u);
	return status;
}

const struct command cmd_upgrade = {
	.name = "upgrade",
	.summary = "move the running daemons to this build; processes run on",
	.usage = "[--check] [--json]",
	.help = "Run it with the new tend, after installing over the old files or elsewhere. The\n"
		"guardian goes on as the new program and replaces the other daemons one after the\n"
		"other. No process is touched, no output and no exit status is lost. Going back\n"
		"is the same with the old tend.\n"
		"\n"
		"  --check  say what would happen, and whether it can\n"
		"  --json   one JSON document that tells what was done\n",
	.run = run,
};
