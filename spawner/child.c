/*
 * spawner/child.c - clone3(CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID [| CLONE_INTO_CGROUP]);
 * docs/design.md says why.
 *
 * glibc 2.36 has no wrapper for clone3, and syscall(2) can't be used: its return address would lie
 * on the stack that the child shares and overwrites. So the instruction stands inline, and the
 * child goes into a function that never returns, as vfork() allows. Where clone3 is not to be had
 * (seccomp filters of older containers answer ENOSYS or EPERM) glibc's clone() does the same, and
 * the child joins the cgroup by itself.
 */
#define _GNU_SOURCE 1
#include "spawner/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CHILD_STACK_BYTES (64u * 1024)
#define IOPRIO_OF_PROCESS 1

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NO_SANITIZE __attribute__((no_sanitize("address", "undefined", "thread"), noinline))
#endif
#endif
#ifndef NO_SANITIZE
#define NO_SANITIZE \
	__attribute__((no_sanitize_address, no_sanitize_undefined, no_sanitize_thread, noinline))
#endif

_Noreturn NO_SANITIZE static void fail(struct child *c, enum pt_stage stage)
{
	c->error = errno;
	c->stage = stage;
	_exit(127);
}

/* What clone3 does with CLONE_INTO_CGROUP, for a child that was made without it. */
NO_SANITIZE static void join_cgroup(struct child *c)
{
	int fd = openat(c->cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);

	c->outside_cgroup = fd < 0 || write(fd, "0", 1) != 1;
	if (fd >= 0)
		close(fd);
}

/* Where it has that number already, dup2() would leave it to be closed at the execve. */
NO_SANITIZE static int move_to(int fd, int number)
{
	return fd == number ? fcntl(fd, F_SETFD, 0) : dup2(fd, number);
}

NO_SANITIZE static void connect_stdio(struct child *c)
{
	bool apart = c->err_fd >= 0;

	if (dup2(c->in_fd, 0) < 0 || dup2(c->out_fd, 1) < 0 ||
		dup2(apart ? c->err_fd : c->out_fd, 2) < 0 ||
		move_to(c->keeper_fd, CHILD_KEEPER_FD) < 0 ||
		(apart && dup2(c->keeper_err_fd, CHILD_KEEPER_ERR_FD) < 0))
		fail(c, PT_STAGE_STDIO);
	if (close_range(3, CHILD_KEEPER_FD - 1, 0) < 0 ||
		close_range((apart ? CHILD_KEEPER_ERR_FD : CHILD_KEEPER_FD) + 1, ~0u, 0) < 0)
		fail(c, PT_STAGE_STDIO);
}

/* Of a specification that an earlier build has written. */
NO_SANITIZE static void set_open_files(struct child *c)
{
	struct rlimit rl;

	if (c->nofile == 0 || getrlimit(RLIMIT_NOFILE, &rl) < 0)
		return;
	rl.rlim_cur = c->nofile < rl.rlim_max ? c->nofile : rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl) < 0)
		fail(c, PT_STAGE_LIMITS);
}

NO_SANITIZE static void set_limit(struct child *c, int which)
{
	struct rlimit wanted = c->surroundings->limit[which], now;

	if (setrlimit(which, &wanted) == 0)
		return;
	c->refused |= 1u << which; /* only root may go above the hard limit: as far as we may */
	if (getrlimit(which, &now) < 0)
		return;
	if (wanted.rlim_max > now.rlim_max)
		wanted.rlim_max = now.rlim_max;
	if (wanted.rlim_cur > wanted.rlim_max)
		wanted.rlim_cur = wanted.rlim_max;
	(void)setrlimit(which, &wanted);
}

NO_SANITIZE static bool put_oom_score(const struct child *c)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	size_t len = 0;
	bool ok;

	while (c->oom_score_adj[len])
		len++;
	ok = fd >= 0 && write(fd, c->oom_score_adj, len) == (ssize_t)len;
	if (fd >= 0)
		close(fd);
	return ok;
}

/* The limits come last: some of them would be in our own way. A refusal is no reason not to run; it
 * is told. */
NO_SANITIZE static void set_surroundings(struct child *c)
{
	const struct surroundings *s = c->surroundings;
	struct sched_param p = { .sched_priority = s->priority };

	if ((s->given & 1u << SURROUND_OOM) && !put_oom_score(c))
		c->refused |= 1u << SURROUND_OOM;
	if ((s->given & 1u << SURROUND_SCHEDULER) && sched_setscheduler(0, s->scheduler, &p) < 0)
		c->refused |= 1u << SURROUND_SCHEDULER;
	if ((s->given & 1u << SURROUND_NICE) && setpriority(PRIO_PROCESS, 0, s->nice) < 0)
		c->refused |= 1u << SURROUND_NICE;
	if ((s->given & 1u << SURROUND_IO) &&
		syscall(SYS_ioprio_set, IOPRIO_OF_PROCESS, 0, s->io_priority) < 0)
		c->refused |= 1u << SURROUND_IO;
	if ((s->given & 1u << SURROUND_CPUS) &&
		syscall(SYS_sched_setaffinity, 0, sizeof(s->cpus), &s->cpus) < 0)
		c->refused |= 1u << SURROUND_CPUS;
	for (int i = 0; i < (int)RLIM_NLIMITS; i++)
		if (s->given & 1u << i)
			set_limit(c, i);
	if (!(s->given & 1u << RLIMIT_NOFILE))
		set_open_files(c);
}

_Noreturn NO_SANITIZE static void become(struct child *c)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	/* the signals that the spawner ignores; all others are at their defaults */
	sigaction(SIGPIPE, &dfl, NULL);
	sigaction(SIGXFSZ, &dfl, NULL);
	if (setsid() < 0)
		fail(c, PT_STAGE_SESSION);
	if (c->join_cgroup)
		join_cgroup(c);
	connect_stdio(c);
	if (chdir(c->cwd) < 0)
		fail(c, PT_STAGE_FOLDER);
	umask(c->umask);
	set_surroundings(c);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(c->exe, c->argv, c->env);
	fail(c, PT_STAGE_EXEC);
}

#if defined(__x86_64__)
#define HAVE_CLONE3 1
static inline __attribute__((always_inline)) long raw_clone3(struct clone_args *args, size_t size)
{
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"(SYS_clone3), "D"(args), "S"(size)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
#define HAVE_CLONE3 1
static inline __attribute__((always_inline)) long raw_clone3(struct clone_args *args, size_t size)
{
	register long x8 __asm__("x8") = SYS_clone3;
	register long x0 __asm__("x0") = (long)args;
	register long x1 __asm__("x1") = (long)size;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1) : "memory");
	return x0;
}
#endif

#ifdef HAVE_CLONE3
NO_SANITIZE static pid_t start_clone3(struct child *c)
{
	struct clone_args args = {
		.flags = (unsigned long long)(CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID) |
			(c->cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0ull),
		.parent_tid = (uint64_t)(uintptr_t)c->pid_cell,
		.exit_signal = SIGCHLD,
		.cgroup = (unsigned long long)(c->cgroup_fd >= 0 ? c->cgroup_fd : 0),
	};
	long pid = raw_clone3(&args, sizeof(args));

	if (pid == 0)
		become(c);
	return (pid_t)pid;
}
#endif

NO_SANITIZE static int clone_entry(void *arg)
{
	become(arg);
}

static pid_t start_clone(struct child *c)
{
	static char stack[CHILD_STACK_BYTES] __attribute__((aligned(64)));
	pid_t pid;

	c->join_cgroup = c->cgroup_fd >= 0;
	pid = clone(clone_entry, stack + sizeof(stack),
		CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | SIGCHLD, c, c->pid_cell);

	return pid < 0 ? -errno : pid;
}

pid_t child_start(struct child *c)
{
	pid_t pid = -ENOSYS;

	c->error = 0;
	c->join_cgroup = c->outside_cgroup = false;
	c->refused = 0;
	c->stage = PT_STAGE_NONE;
#ifdef HAVE_CLONE3
	if (!c->no_clone3)
		pid = start_clone3(c);
#endif
	if (pid == -ENOSYS || pid == -EPERM || pid == -EBUSY || pid == -EACCES || pid == -EINVAL)
		pid = start_clone(c); /* no clone3, or the cgroup refuses */
	return pid;
}
