/* base/inherited.c - see base/inherited.h. */
#define _GNU_SOURCE 1
#include "base/inherited.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/cpus.h"
#include "base/io.h"

#define STACK_BYTES	 (8u << 20) /* the kernel's own default */
#define STACK_LEAST	 (1u << 20)
#define TIMER_SLACK_NS	 50000ul /* likewise */
#define COREDUMP_DEFAULT "0x33"

void signals_default(void)
{
	static const unsigned long dfl[8]; /* the kernel's struct sigaction, all zero: SIG_DFL */

	for (int signo = 1; signo < NSIG; signo++)
		/* EINVAL: SIGKILL, SIGSTOP */
		(void)syscall(SYS_rt_sigaction, signo, dfl, NULL, sizeof(unsigned long));
}

static void reset_signals(void)
{
	static const int kept[] = { SIGTERM, SIGINT, SIGHUP };
	sigset_t before, mask;

	signals_default();
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)sigprocmask(SIG_SETMASK, NULL, &before);
	(void)sigemptyset(&mask);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (sigismember(&before, kept[i]) == 1)
			(void)sigaddset(&mask, kept[i]);
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
}

void inherited_reset(void)
{
	static const struct itimerval off = { 0 };

	reset_signals();
	(void)setitimer(ITIMER_REAL, &off, NULL); /* execve() keeps them */
	(void)setitimer(ITIMER_VIRTUAL, &off, NULL);
	(void)setitimer(ITIMER_PROF, &off, NULL);
	/* Else the next file that is opened gets the number, and what is meant for people is
	 * written into it. */
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)open("/dev/null", O_RDWR | O_NOCTTY);
}

static rlim_t default_soft(int resource, rlim_t hard)
{
	if (resource == RLIMIT_CORE)
		return 0; /* a daemon's memory may hold environments, and those secrets */
	if (resource == RLIMIT_STACK)
		return hard < STACK_BYTES ? hard : STACK_BYTES;
	return hard;
}

/* A hard limit can be raised by root alone; for all others it is the most that there is. */
static void reset_limit(int resource)
{
	struct rlimit rl,
		most = { .rlim_cur = default_soft(resource, RLIM_INFINITY),
			.rlim_max = RLIM_INFINITY };

	if (setrlimit(resource, &most) == 0 || getrlimit(resource, &rl) < 0)
		return;
	rl.rlim_cur = default_soft(resource, rl.rlim_max);
	(void)setrlimit(resource, &rl);
}

static void write_own(const char *file, const char *text)
{
	int fd = io_open(AT_FDCWD, file, O_WRONLY, 0);

	if (fd >= 0)
		(void)!write(fd, text, strlen(text));
	io_close(&fd);
}

void inherited_defaults(void)
{
	static const struct sched_param none = { 0 };
	struct cpus all;

	(void)sched_setscheduler(0, SCHED_OTHER, &none);
	(void)setpriority(PRIO_PROCESS, 0, 0);
	(void)syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, 0 /* as nice says */);
	cpus_all(&all);
	(void)cpus_apply(&all);
	(void)syscall(SYS_set_mempolicy, 0 /* MPOL_DEFAULT */, NULL, 0ul);
	write_own("/proc/self/oom_score_adj", "0");
	write_own("/proc/self/coredump_filter", COREDUMP_DEFAULT);
	(void)prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0);
	(void)prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
	(void)personality(PER_LINUX); /* a debugger starts programs without random addresses */
	/* Of open files the daemons need as many as they may have, and raise their soft limit
	 * themselves; "unlimited" is refused there. */
	for (int resource = 0; resource < (int)RLIM_NLIMITS; resource++)
		if (resource != RLIMIT_NOFILE)
			reset_limit(resource);
}

/* Does the main stack get enough? The kernel looks at the limit whenever it grows. */
static bool widen_stack(void)
{
	struct rlimit rl, wide = { .rlim_cur = STACK_BYTES, .rlim_max = STACK_BYTES };

	if (getrlimit(RLIMIT_STACK, &rl) < 0 || rl.rlim_cur >= STACK_LEAST)
		return true;
	if (rl.rlim_max < STACK_LEAST)
		return setrlimit(RLIMIT_STACK, &wide) == 0; /* root */
	rl.rlim_cur = rl.rlim_max < STACK_BYTES ? rl.rlim_max : STACK_BYTES;
	return setrlimit(RLIMIT_STACK, &rl) == 0;
}

/* The C library takes the limit for the size of each thread's stack. */
static void widen_threads(void)
{
	pthread_attr_t attr;
	size_t bytes = 0;

	if (pthread_getattr_default_np(&attr) != 0)
		return;
	if (pthread_attr_getstacksize(&attr, &bytes) == 0 && bytes < STACK_LEAST &&
		pthread_attr_setstacksize(&attr, STACK_LEAST) == 0)
		(void)pthread_setattr_default_np(&attr);
	(void)pthread_attr_destroy(&attr);
}

struct wide {
	int (*program)(int argc, char **argv);
	int argc, ret;
	char **argv;
	ucontext_t own, here;
};

/* makecontext() hands over nothing but int: the address in two halves. */
static void run_wide(unsigned high, unsigned low)
{
	// NOLINTNEXTLINE(performance-no-int-to-ptr): it was one
	struct wide *w = (struct wide *)(uintptr_t)((uint64_t)high << 32 | low);

	w->ret = w->program(w->argc, w->argv);
}

int inherited_run(int (*program)(int argc, char **argv), int argc, char **argv)
{
	struct wide w = { .program = program, .argc = argc, .argv = argv };
	uint64_t at = (uintptr_t)&w;
	void *stack;

	widen_threads();
	if (widen_stack())
		return program(argc, argv);
	stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
	if (stack == MAP_FAILED || getcontext(&w.own) < 0)
		return program(argc, argv);
	w.own.uc_stack.ss_sp = stack;
	w.own.uc_stack.ss_size = STACK_BYTES;
	w.own.uc_link = &w.here;
	makecontext(
		&w.own, (void (*)(void))(uintptr_t)run_wide, 2, (unsigned)(at >> 32), (unsigned)at);
	(void)swapcontext(&w.here, &w.own);
	return w.ret;
}
