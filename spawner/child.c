/*
 * spawner/child.c - clone3(CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID [| CLONE_INTO_CGROUP]); docs/design.md says why.
 *
 * glibc 2.36 has no wrapper for clone3, and syscall(2) can't be used: its return address would lie on the stack that the child shares and
 * overwrites. So the instruction stands inline, and the child goes into a function that never returns, as vfork() allows. Where clone3 is not to be had
 * (seccomp filters of older containers answer ENOSYS or EPERM) glibc's clone() does the same, and the child joins the cgroup by itself.
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

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NO_SANITIZE __attribute__((no_sanitize("address", "undefined", "thread"), noinline))
#endif
#endif
#ifndef NO_SANITIZE
#define NO_SANITIZE __attribute__((no_sanitize_address, no_sanitize_undefined, no_sanitize_thread, noinline))
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

NO_SANITIZE static void connect_stdio(struct child *c)
{
	bool apart = c->err_fd >= 0;

	if (dup2(c->in_fd, 0) < 0 || dup2(c->out_fd, 1) < 0 || dup2(apart ? c->err_fd : c->out_fd, 2) < 0 ||
	    dup2(c->keeper_fd, CHILD_KEEPER_FD) < 0 || (apart && dup2(c->keeper_err_fd, CHILD_KEEPER_ERR_FD) < 0))
		fail(c, PT_STAGE_STDIO);
	if (close_range(3, CHILD_KEEPER_FD - 1, 0) < 0 ||
	    close_range((apart ? CHILD_KEEPER_ERR_FD : CHILD_KEEPER_FD) + 1, ~0u, 0) < 0)
		fail(c, PT_STAGE_STDIO);
}

NO_SANITIZE static void set_limits(struct child *c)
{
	struct rlimit rl;

	umask(c->umask);
	if (c->nofile == 0 || getrlimit(RLIMIT_NOFILE, &rl) < 0)
		return;
	rl.rlim_cur = c->nofile < rl.rlim_max ? c->nofile : rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl) < 0)
		fail(c, PT_STAGE_LIMITS);
}

_Noreturn NO_SANITIZE static void become(struct child *c)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	sigaction(SIGPIPE, &dfl, NULL); /* the only signal that the spawner ignores */
	if (setsid() < 0)
		fail(c, PT_STAGE_SESSION);
	if (c->join_cgroup)
		join_cgroup(c);
	connect_stdio(c);
	if (chdir(c->cwd) < 0)
		fail(c, PT_STAGE_FOLDER);
	set_limits(c);
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

	__asm__ volatile("syscall" : "=a"(ret) : "0"(SYS_clone3), "D"(args), "S"(size) : "rcx", "r11", "memory");
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
		.flags = (unsigned long long)(CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID) | (c->cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0ull),
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
	pid = clone(clone_entry, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | SIGCHLD, c, c->pid_cell);

	return pid < 0 ? -errno : pid;
}

pid_t child_start(struct child *c)
{
	pid_t pid = -ENOSYS;

	c->error = 0;
	c->join_cgroup = c->outside_cgroup = false;
	c->stage = PT_STAGE_NONE;
#ifdef HAVE_CLONE3
	if (!c->no_clone3)
		pid = start_clone3(c);
#endif
	if (pid == -ENOSYS || pid == -EPERM || pid == -EBUSY || pid == -EACCES || pid == -EINVAL)
		pid = start_clone(c); /* no clone3, or the cgroup refuses */
	return pid;
}
