/* spawner/launch.c - one run of a process: specification, FIFOs, child. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/procfs.h"
#include "base/say.h"
#include "config/spec.h"
#include "spawner/child.h"
#include "spawner/spawner.h"

#define STDIN_PIPE_BYTES 4096 /* users other than root share a budget of pipe pages */
#define OWN_ENV		 3

static const char *const suffixes[] = { HOME_IN_FIFO, HOME_OUT_FIFO,
	HOME_ERR_FIFO }; /* of its FIFOs in run/ */

static void fifo_name(const struct proc *p, const char *suffix, char buf[static 80])
{
	snprintf(buf, 80, "%s%s", p->ident->name, suffix);
}

int launch_make_fifos(struct proc *p, struct fault *f)
{
	int run_fd = p->sp->start.home.run_fd;
	struct stat st;
	char name[80] = "";

	for (unsigned i = 0; i < 2u + (p->ident->separate_stderr != 0); i++) {
		fifo_name(p, suffixes[i], name);
		if (mkfifoat(run_fd, name, 0600) == 0)
			continue;
		if (errno == EEXIST && fstatat(run_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISFIFO(st.st_mode))
			continue;
		if (errno == EEXIST)
			return fault_set(f, -EINVAL,
				"run/%s is not a FIFO; remove it, and a new one is made", name);
		return fault_errno(
			f, -errno, "cannot make %s/run/%s", p->sp->start.home.path, name);
	}
	return 0;
}

void launch_remove_fifos(struct spawner *sp, const char *of)
{
	char name[80];

	for (unsigned i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", of, suffixes[i]);
		(void)io_remove(sp->start.home.run_fd, name, 0);
	}
}

/* One end of a FIFO, which must be one: a program whose output went into a file of that name would
 * fill it unseen. */
static int open_end(struct proc *p, const char *name, int flags, struct fault *f)
{
	struct stat st;
	int fd = io_open(p->sp->start.home.run_fd, name, flags | O_NONBLOCK, 0);

	/* someone cleaned the run folder, or the specification is new */
	if (fd == -ENOENT && launch_make_fifos(p, f) == 0) {
		fd = io_open(p->sp->start.home.run_fd, name, flags | O_NONBLOCK, 0);
		p->sp->pids_changed = true;
	}
	if (fd >= 0 && fstat(fd, &st) < 0) {
		int r = -errno;

		io_close(&fd);
		return fault_errno(f, r, "cannot look at run/%s", name);
	}
	if (fd >= 0 && !S_ISFIFO(st.st_mode)) {
		io_close(&fd);
		return fault_set(
			f, -EINVAL, "run/%s is not a FIFO; remove it, and a new one is made", name);
	}
	return fd < 0 ? fault_errno(f, fd, "cannot open run/%s", name) : fd;
}

static uint32_t bytes_in(int fd)
{
	int n = 0;

	return fd >= 0 && ioctl(fd, FIONREAD, &n) == 0 && n > 0 ? (uint32_t)n : 0;
}

bool launch_output_waits(struct proc *p)
{
	bool waits = false;
	char name[80];

	/* not what it reads */
	for (unsigned i = 1; i < 2u + (p->ident->separate_stderr != 0); i++) {
		fifo_name(p, suffixes[i], name);
		int fd = io_open(p->sp->start.home.run_fd, name, O_RDONLY | O_NONBLOCK, 0);

		waits |= bytes_in(fd) > 0;
		io_close(&fd);
	}
	return waits;
}

/* Both ends of one output FIFO. The keeper is opened first: a writer's open waits for a reader. */
static int open_output(struct proc *p, const char *suffix, int *keeper_fd, int *fd, struct fault *f)
{
	char name[80];

	fifo_name(p, suffix, name);
	*keeper_fd = open_end(p, name, O_RDONLY, f);
	if (*keeper_fd < 0)
		return *keeper_fd;
	*fd = open_end(p, name, O_WRONLY, f);
	if (*fd < 0)
		return *fd;
	/* The program gets blocking descriptors; what was opened without waiting must not stay
	 * so. */
	(void)fcntl(*fd, F_SETFL, 0);
	return 0;
}

/* The FIFO of standard error, its keeper's number out of the way of the child's own descriptors. */
static int open_error_output(struct proc *p, struct child *c, struct fault *f)
{
	int keeper = -1, r = open_output(p, HOME_ERR_FIFO, &keeper, &c->err_fd, f);

	if (r < 0)
		return r;
	c->keeper_err_fd = fcntl(keeper, F_DUPFD_CLOEXEC, CHILD_KEEPER_ERR_FD + 1);
	r = c->keeper_err_fd < 0
		? fault_errno(f, errno == EINVAL ? -EMFILE : -errno,
			  "cannot keep run/%s" HOME_ERR_FIFO " (ulimit -n)", p->ident->name)
		: 0;
	io_close(&keeper);
	return r;
}

/* The ends that the child gets. */
static int open_ends(struct proc *p, struct child *c, struct fault *f)
{
	char in[80];
	int r = open_output(p, HOME_OUT_FIFO, &c->keeper_fd, &c->out_fd, f);

	if (r == 0 && p->ident->separate_stderr)
		r = open_error_output(p, c, f);
	if (r < 0)
		return r;
	fifo_name(p, HOME_IN_FIFO, in);
	c->in_fd = open_end(p, in, O_RDWR, f);
	if (c->in_fd < 0)
		return c->in_fd;
	if (p->life.life == 1)
		(void)fcntl(c->in_fd, F_SETPIPE_SZ, STDIN_PIPE_BYTES);
	(void)fcntl(c->in_fd, F_SETFL, 0);
	return 0;
}

static bool is_own_variable(const char *assignment)
{
	return strncmp(assignment, "TEND_HOME=", 10) == 0 ||
		strncmp(assignment, "TEND_NAME=", 10) == 0 ||
		strncmp(assignment, "TEND_INSTANCE=", 14) == 0;
}

/* The spec's environment with our three variables in front; the vector is malloc'ed, own[] holds
 * the three. */
static char **make_env(const struct proc *p, const struct spec *s, char own[static PATH_MAX + 256])
{
	size_t n = 0, at = 0;
	char **env;
	char *text = own;

	while (s->env[n])
		n++;
	env = calloc(n + OWN_ENV + 1, sizeof(*env));
	if (!env)
		return NULL;
	env[at++] = text;
	text += sprintf(text, "TEND_HOME=%s", p->sp->start.home.path) + 1;
	env[at++] = text;
	text += sprintf(text, "TEND_NAME=%s", p->ident->name) + 1;
	env[at++] = text;
	sprintf(text, "TEND_INSTANCE=%016llx", (unsigned long long)p->sp->start.home.id);
	for (size_t i = 0; i < n; i++)
		if (!is_own_variable(s->env[i]))
			env[at++] = s->env[i];
	return env;
}

/* While we live, what it writes is not lost, whoever else dies: the keeper of its newest run
 * stays. */
static void keep(int *kept, int *fd)
{
	if (*fd < 0)
		return;
	io_close(kept);
	*kept = *fd;
	*fd = -1;
}

void launch_hold(struct proc *p)
{
	int *kept[] = { &p->keeper_fd, &p->keeper_err_fd };
	char name[80];

	for (unsigned i = 0; i < 1u + (p->ident->separate_stderr != 0); i++) {
		fifo_name(p, suffixes[i + 1], name);
		if (*kept[i] < 0)
			*kept[i] = io_open(
				p->sp->start.home.run_fd, name, O_RDONLY | O_NONBLOCK, 0);
		if (*kept[i] < 0)
			*kept[i] = -1; /* gone, or no descriptor: the next launch tries again */
	}
}

static int explain(const struct child *c, struct fault *f)
{
	const char *hint = "";

	if (c->stage == PT_STAGE_EXEC && c->error == ENOENT && access(c->exe, F_OK) == 0)
		hint = " (the file is there; the interpreter that its first line names is not)";
	if (c->stage == PT_STAGE_EXEC && c->error == ENOEXEC)
		hint = " (neither a program nor a script with a #! line)";
	if (c->stage == PT_STAGE_EXEC && c->error == E2BIG)
		hint = " (arguments and environment together exceed the kernel's limit)";
	/* The path comes last: it may be longer than an answer, and the reason must not be what
	 * gets cut. */
	return fault_set(f, -c->error, "%s failed: %s%s: %s", pt_stage_label(c->stage),
		strerror(c->error), hint, c->stage == PT_STAGE_FOLDER ? c->cwd : c->exe);
}

void launch_note_start(struct proc *p)
{
	struct procfs_stat st;
	int r = procfs_stat(p->ref.pid, &st);

	if (r < 0) /* at once, for a spawner that dies soon would leave nobody who knows it */
		r = procfs_stat(p->ref.pid, &st);
	if (r < 0) {
		proc_look_soon(p->sp, LOOK_AGAIN_NS);
		return;
	}
	p->ref.start_ticks = p->life.start_ticks = st.start_ticks;
	save_soon(p->sp);
}

static void begin_life(struct proc *p, pid_t pid)
{
	struct pt_life *l = &p->life;

	p->ref = (struct pidref){ .pid = pid, .fd = -1 };
	p->unproven = false;
	proc_note_pid(p);
	p->session = pid;
	p->session_seen = true;
	p->child = true;
	l->pid = pid;
	l->start_real_ns = clock_real_ns();
	l->start_boot_ns = p->launch_boot_ns;
	l->launch_errno = 0;
	l->launch_stage = PT_STAGE_NONE;
	l->killed = 0;
	p->restarting = false;
	p->sp->pids_changed = true;
	launch_note_start(p);
	save_soon(p->sp);
}

static int run_child(struct proc *p, const struct spec *s, struct child *c, struct fault *f)
{
	char own[PATH_MAX + 256];
	char **env = make_env(p, s, own);
	siginfo_t si;
	pid_t pid;

	c->stage = PT_STAGE_CLONE;
	if (!env)
		return fault_errno(f, -ENOMEM, "cannot prepare the environment");
	c->exe = s->exe;
	c->cwd = s->cwd;
	c->argv = s->argv;
	c->env = env;
	c->umask = s->umask;
	c->nofile = s->nofile;
	c->surroundings = &s->surroundings;
	if (s->surroundings.given & 1u << SURROUND_OOM)
		snprintf(c->oom_score_adj, sizeof(c->oom_score_adj), "%d",
			s->surroundings.oom_score_adj);
	c->no_clone3 = p->sp->no_clone3;
	/* Linux 6.14 and later kill whatever is cloned into a cgroup on which cgroup.kill was ever
	 * used, unless the cloning process's own cgroup was killed as often: begin with a new
	 * one. */
	if (p->stale_cgroup)
		cgroup_remove(&p->sp->cgroup, p->ident->name);
	p->stale_cgroup = false;
	c->cgroup_fd = cgroup_open(&p->sp->cgroup, p->ident->name);
	/* What lies in the pipes now was written before this run, and the time is the one up to
	 * which the logger may have moved some of it. */
	p->life.pipe_left = bytes_in(c->keeper_fd);
	p->life.pipe_left_err = bytes_in(c->keeper_err_fd);
	p->launch_boot_ns = clock_boot_ns();
	pid = child_start(c);
	free(env);
	if (pid < 0) {
		c->stage = PT_STAGE_CLONE;
		return fault_errno(f, pid, "creating a process for %s", s->exe);
	}
	if (c->error) {
		waitid(P_PID, (id_t)pid, &si, WEXITED);
		*c->pid_cell = 0;
		return explain(c, f);
	}
	/* An empty cgroup must not be taken for an empty tree: without one the tree is walked. */
	if (c->outside_cgroup)
		cgroup_remove(&p->sp->cgroup, p->ident->name);
	p->sp->children++;
	p->refused = c->refused;
	if (p->refused) {
		char list[PT_ANSWER_MAX];

		surroundings_list(p->refused, list, sizeof(list));
		say(SAY_WARNING,
			"%s: the kernel does not let us give it all that its start command had: %s",
			p->ident->name, list);
	}
	begin_life(p, pid);
	return 0;
}

int launch_load_spec(const struct proc *p, struct spec *s, struct fault *f)
{
	char file[NAME_MAX_BYTES + 8];
	int r;

	spec_file_name(p->ident->name, file);
	r = spec_load(p->sp->start.home.specs_fd, file, s, f);
	if (r == 0 && strcmp(s->name, p->ident->name) != 0)
		r = fault_set(f, -EINVAL, "specs/%s is for %s, not for %s", file, s->name,
			p->ident->name);
	return r;
}

int launch_check_fifos(const struct proc *p, struct fault *f)
{
	struct stat st;
	char name[80];

	for (unsigned i = 0; i < 2u + (p->ident->separate_stderr != 0); i++) {
		fifo_name(p, suffixes[i], name);
		if (fstatat(p->sp->start.home.run_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			!S_ISFIFO(st.st_mode))
			return fault_set(f, -EINVAL,
				"run/%s is not a FIFO; remove it, and a new one is made", name);
	}
	return 0;
}

int launch(struct proc *p, struct fault *f)
{
	struct child c = { .in_fd = -1,
		.out_fd = -1,
		.keeper_fd = -1,
		.err_fd = -1,
		.keeper_err_fd = -1,
		.cgroup_fd = -1,
		.pid_cell = pt_pid_cell(p->sp->pt, p->slot) };
	struct spec s = { 0 };
	int r;

	c.stage = PT_STAGE_SPEC;
	r = launch_load_spec(p, &s, f);
	if (r == 0) {
		c.stage = PT_STAGE_FIFO;
		r = open_ends(p, &c, f);
	}
	if (r == 0)
		r = run_child(p, &s, &c, f);
	if (r == 0) {
		keep(&p->keeper_fd, &c.keeper_fd);
		keep(&p->keeper_err_fd, &c.keeper_err_fd);
	}
	if (r < 0) {
		p->life.life--; /* it was none */
		p->life.restarts -= p->restarting;
		p->restarting = false;
		p->life.launch_errno = -r;
		p->life.launch_stage = (uint8_t)c.stage;
	}
	io_close(&c.in_fd);
	io_close(&c.out_fd);
	io_close(&c.keeper_fd);
	io_close(&c.err_fd);
	io_close(&c.keeper_err_fd);
	io_close(&c.cgroup_fd);
	spec_done(&s);
	return r;
}
