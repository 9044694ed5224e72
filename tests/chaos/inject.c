/*
 * tests/chaos/inject.c - runs a command and everything of tend that comes of it under ptrace, and
 * lets a system call of one role go wrong, or several.
 *
 *   inject --role ROLE --at N[:STRIDE[:LAST]] (--kill | --error ERRNO-NAME | --count) [--call NAME]
 *   [--after FILE] [--lose FILE] [--report FILE] -- COMMAND [ARGUMENT...]
 *
 * ROLE: tend, tend-guardian, tend-spawner, tend-monitor, tend-logger (all threads and all
 * incarnations, counted together), or one of these with "-child" behind it: what it has forked,
 * until that executes another program. Counted are the system calls that the role begins: with
 * --kill all of them, with --error those that can fail with this errno (ANY: with any; which one
 * goes by the number of the call); with --call only those of this name. At number N the whole
 * process gets SIGKILL before the call is carried out, or the call is not carried out and fails.
 * With --after counting begins once FILE is there. With --lose the four daemons of what is traced
 * are killed with it, what the spawner has forked as well (unless that is the ROLE), and FILE,
 * their table, is removed. Then everything is let go, and the rest runs untraced. With a STRIDE the
 * same happens again at N + STRIDE, N + 2 * STRIDE and so on, up to LAST, counted on over the
 * faults; but only to a process that has waited for events before: a start that fails again and
 * again would let nothing else come to pass. Programs that are none of tend's are let go when they
 * are executed.
 *
 * Each time a line is appended to FILE: "done CALL[=ERRNO] PID UP AT", where UP is 1 if the process
 * had waited for events before, so that its start was over (a command: if the dynamic linker was
 * done, which unmaps its cache at its end), and AT the number of the call. With --at 0 it gets
 * "none COUNT" at the end, the number of such calls until all ended, "call NAME COUNT" for each
 * name, and "start FROM TO" for each process: the calls after FROM up to TO were made before it
 * waited for events. Exit status: that of COMMAND, 128 + N for signal N; 99 if this program itself
 * fails. SIGTERM: report and let everything go.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TASKS_MAX 4096
#define OPTIONS \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | \
		PTRACE_O_TRACEEXEC)

/* What a call can fail with: one bit for each errno that is tried. */
enum { NOSPC = 1, IO = 2, MFILE = 4, NFILE = 8, NOMEM = 16, INTR = 32, AGAIN = 64, ACCES = 128 };

static const struct {
	const char *name;
	int number, bit;
} errors[] = {
	{ "ENOSPC", ENOSPC, NOSPC },
	{ "EIO", EIO, IO },
	{ "EMFILE", EMFILE, MFILE },
	{ "ENFILE", ENFILE, NFILE },
	{ "ENOMEM", ENOMEM, NOMEM },
	{ "EINTR", EINTR, INTR },
	{ "EAGAIN", EAGAIN, AGAIN },
	{ "EACCES", EACCES, ACCES },
};

/* EINTR and EAGAIN are left out where the descriptor is a file on a disk, which never says so;
 * EAGAIN also of write(2), for it means that the pipe is full: its reader has something to wake up
 * for, which the injection would not give it. */
static const struct {
	const char *name;
	long number;
	int can;
} calls[] = {
#define CALL(name, can) { #name, SYS_##name, can },
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
/* a sanitizer's own allocator ends the program where the kernel refuses memory */
#define MEMORY(can) 0
#else
#define MEMORY(can) (can)
#endif
	CALL(openat, NOSPC | IO | MFILE | NFILE | NOMEM | INTR | ACCES) CALL(
		read, IO | NOMEM | INTR | AGAIN) CALL(pread64, IO | NOMEM) CALL(write,
		NOSPC | IO | NOMEM | INTR) CALL(pwrite64, NOSPC | IO) CALL(writev,
		NOSPC | IO | INTR | AGAIN) CALL(splice, NOSPC | IO | NOMEM | INTR | AGAIN) CALL(tee,
		NOMEM | INTR | AGAIN) CALL(copy_file_range,
		NOSPC | IO | NOMEM | INTR) CALL(ftruncate, NOSPC | IO | INTR) CALL(fallocate,
		NOSPC | IO | INTR) CALL(fsync, NOSPC | IO) CALL(fdatasync, NOSPC | IO) CALL(mkdirat,
		NOSPC | IO | NOMEM | ACCES) CALL(mknodat, NOSPC | IO | NOMEM | ACCES) CALL(renameat,
		NOSPC | IO | NOMEM | ACCES) CALL(renameat2,
		NOSPC | IO | NOMEM | ACCES) CALL(unlinkat, IO | NOMEM | ACCES) CALL(linkat,
		NOSPC | IO | NOMEM | ACCES) CALL(faccessat, IO | NOMEM | ACCES) CALL(faccessat2,
		IO | NOMEM | ACCES) CALL(newfstatat, IO | NOMEM | ACCES) CALL(fstat,
		IO | NOMEM) CALL(statx, IO | NOMEM | ACCES) CALL(readlinkat,
		IO | NOMEM | ACCES) CALL(getdents64, IO | NOMEM) CALL(lseek, 0) CALL(close,
		0) CALL(fchmod, IO | ACCES) CALL(fchmodat, IO | NOMEM | ACCES) CALL(chdir,
		IO | NOMEM | ACCES) CALL(fchdir, IO | ACCES) CALL(pipe2,
		MFILE | NFILE | NOMEM) CALL(dup, MFILE) CALL(dup3, MFILE | INTR) CALL(fcntl,
		MFILE | NOMEM | INTR | AGAIN) CALL(flock, INTR | AGAIN) CALL(ioctl,
		IO) CALL(epoll_create1, MFILE | NFILE | NOMEM) CALL(epoll_ctl,
		NOMEM | NOSPC) CALL(epoll_pwait, INTR) CALL(ppoll,
		INTR | NOMEM) CALL(timerfd_create, MFILE | NFILE | NOMEM) CALL(timerfd_settime, 0)
		CALL(signalfd4, MFILE | NFILE | NOMEM) CALL(eventfd2, MFILE | NFILE | NOMEM) CALL(
			inotify_init1, MFILE | NFILE | NOMEM) CALL(inotify_add_watch,
			NOSPC | NOMEM | ACCES) CALL(pidfd_open,
			MFILE | NFILE | NOMEM) CALL(pidfd_send_signal, 0) CALL(kill, 0) CALL(waitid,
			INTR) CALL(wait4, INTR) CALL(mmap, MEMORY(NOMEM | AGAIN)) CALL(munmap,
			MEMORY(NOMEM)) CALL(mremap, MEMORY(NOMEM)) CALL(mprotect,
			MEMORY(NOMEM)) CALL(madvise, MEMORY(NOMEM)) CALL(brk, 0) CALL(clone,
			NOMEM | AGAIN) CALL(clone3, NOMEM | AGAIN) CALL(execve,
			IO | MFILE | NFILE | NOMEM | AGAIN | ACCES) CALL(close_range,
			NOMEM) CALL(setrlimit, 0) CALL(prlimit64, 0) CALL(futex,
			INTR | AGAIN) CALL(clock_nanosleep, INTR) CALL(setsid, 0) CALL(socket,
			MFILE | NFILE | NOMEM | ACCES) CALL(connect,
			INTR | AGAIN | ACCES) CALL(sendto, IO | NOMEM | INTR | AGAIN) CALL(recvfrom,
			NOMEM | INTR | AGAIN) CALL(memfd_create,
			MFILE | NFILE | NOMEM) CALL(rt_sigprocmask, 0) CALL(rt_sigaction,
			0) CALL(exit_group, 0) CALL(getpid, 0) CALL(getuid, 0) CALL(geteuid, 0)
			CALL(umask, 0) CALL(prctl, 0) CALL(set_robust_list, 0) CALL(
				get_robust_list, 0) CALL(rt_sigpending, 0) CALL(getrandom,
				INTR | AGAIN) CALL(sched_setscheduler, 0) CALL(ioprio_set,
				0) CALL(statfs,
				IO | NOMEM | ACCES) CALL(fstatfs, IO | NOMEM) CALL(sync_file_range,
				IO | NOMEM | NOSPC)
#ifdef __x86_64__
				CALL(open, NOSPC | IO | MFILE | NFILE | NOMEM | INTR | ACCES) CALL(
					access, IO | NOMEM | ACCES) CALL(stat, IO | NOMEM | ACCES)
					CALL(lstat, IO | NOMEM | ACCES) CALL(
						readlink, IO | NOMEM | ACCES) CALL(rename,
						NOSPC | IO | NOMEM | ACCES) CALL(unlink,
						IO | NOMEM | ACCES) CALL(mkdir,
						NOSPC | IO | NOMEM | ACCES) CALL(rmdir,
						IO | NOMEM | ACCES) CALL(poll, INTR | NOMEM)
						CALL(epoll_wait, INTR) CALL(dup2, INTR) CALL(pipe,
							MFILE | NFILE) CALL(vfork, NOMEM | AGAIN)
							CALL(fork, NOMEM | AGAIN) CALL(
								mknod, NOSPC | IO | NOMEM | ACCES)
								CALL(chmod, IO | NOMEM | ACCES)
									CALL(arch_prctl, 0)
#endif
};
#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

struct task {
	pid_t tid, tgid;
	char role[32];
	bool up;   /* of a process: kept in its first thread */
	long from; /* likewise: so many calls were counted when it began */
};

static long by_call[COUNT_OF(calls)]; /* of those counted, so many of each name */
static struct task tasks[TASKS_MAX];
static size_t n_tasks;
static const char *wanted_role, *wanted_call, *report_path, *lost_path, *after_path;
static long at, stride, last, counted, n_traced;
static int error_number, error_bits;
static const char *error_name = "";
static bool killing, over;
static pid_t failing; /* the thread whose call is to fail, between its entry and its exit */
static volatile sig_atomic_t told_to_end;

static _Noreturn void fail(const char *text)
{
	fprintf(stderr, "inject: %s: %s\n", text, strerror(errno));
	exit(99);
}

static void read_proc(pid_t tid, const char *file, char *buf, size_t size)
{
	char path[64];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)tid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, size - 1);
	buf[n < 0 ? 0 : n] = 0;
	if (fd >= 0)
		close(fd);
}

static struct task *find(pid_t tid)
{
	for (size_t i = 0; i < n_tasks; i++)
		if (tasks[i].tid == tid)
			return &tasks[i];
	return NULL;
}

static void forget(pid_t tid)
{
	struct task *t = find(tid);

	if (t)
		*t = tasks[--n_tasks];
	if (failing == tid)
		failing = 0;
}

static bool is_of_tend(const char *role)
{
	return strcmp(role, "tend") == 0 || strncmp(role, "tend-", 5) == 0;
}

static void name_by_program(struct task *t, const char *suffix)
{
	char comm[32], *end;

	read_proc(t->tgid, "comm", comm, sizeof(comm));
	end = strchr(comm, '\n');
	if (end)
		*end = 0;
	snprintf(t->role, sizeof(t->role), "%.20s%s", comm, suffix);
}

/* A thread has the role of its process; a new process is a child of its parent until it executes a
 * program. */
static struct task *learn(pid_t tid)
{
	char status[2048];
	const char *at_tgid;
	struct task *t, *leader;

	if (n_tasks == TASKS_MAX) {
		errno = ENOSPC;
		fail("too many tasks");
	}
	read_proc(tid, "status", status, sizeof(status));
	at_tgid = strstr(status, "\nTgid:");
	t = &tasks[n_tasks++];
	*t = (struct task){
		.tid = tid, .tgid = at_tgid ? atoi(at_tgid + 6) : tid, .from = counted
	};
	leader = t->tgid != tid ? find(t->tgid) : NULL;
	if (leader)
		memcpy(t->role, leader->role, sizeof(t->role));
	else
		name_by_program(t, "-child");
	return t;
}

static bool is_disk_file(pid_t tid, uint64_t fd)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)tid, (int)fd);
	return stat(path, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
}

/* Only such a descriptor says EAGAIN. */
static bool is_nonblocking(pid_t tid, uint64_t fd)
{
	char file[48], text[512];
	const char *flags;

	snprintf(file, sizeof(file), "fdinfo/%d", (int)fd);
	read_proc(tid, file, text, sizeof(text));
	flags = strstr(text, "flags:");
	return flags && (strtoul(flags + strlen("flags:"), NULL, 8) & O_NONBLOCK);
}

static bool only_wakes(uint64_t futex_op)
{
	uint64_t op = futex_op & ~(uint64_t)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);

	return op == FUTEX_WAKE || op == FUTEX_WAKE_BITSET || op == FUTEX_WAKE_OP ||
		op == FUTEX_UNLOCK_PI;
}

static int index_of_call(uint64_t nr)
{
	for (size_t i = 0; i < COUNT_OF(calls); i++)
		if ((uint64_t)calls[i].number == nr)
			return (int)i;
	return -1;
}

/* Of the errors that are wanted, those that this call can fail with: their bits. */
static int can_fail(pid_t tid, uint64_t nr, const uint64_t *args)
{
	int i = index_of_call(nr), can = i < 0 ? 0 : calls[i].can & error_bits;

	if ((can & (INTR | AGAIN)) && strcmp(calls[i].name, "openat") != 0 &&
		is_disk_file(tid, args[0]))
		can &= ~(INTR | AGAIN);
	if ((nr == SYS_read || nr == SYS_writev) && (can & AGAIN) && !is_nonblocking(tid, args[0]))
		can &= ~AGAIN;
	if (nr == SYS_futex && only_wakes(args[1])) /* nobody waits: nothing is interrupted */
		can = 0;
	if (nr == SYS_waitid && (args[3] & WNOHANG)) /* only who waits is interrupted */
		can &= ~INTR;
	/* setting a flag needs no descriptor */
	if (nr == SYS_fcntl && args[1] != F_DUPFD && args[1] != F_DUPFD_CLOEXEC)
		can &= ~MFILE;
	if (nr == SYS_fcntl && args[1] != F_SETLK && args[1] != F_SETLKW &&
		args[1] != F_OFD_SETLK && args[1] != F_OFD_SETLKW)
		can &= ~(INTR | AGAIN);
	/* letting go needs nothing: it does not fail for a descriptor that is watched */
	if (nr == SYS_epoll_ctl && args[1] == EPOLL_CTL_DEL)
		can = 0;
	return can;
}

/* One of them: another one for each number of a call. */
static void choose_error(int can)
{
	long skip = counted % __builtin_popcount((unsigned)can);

	for (size_t i = 0; i < COUNT_OF(errors); i++)
		if ((can & errors[i].bit) && skip-- == 0) {
			error_number = errors[i].number;
			error_name = errors[i].name;
		}
}

#if defined(__x86_64__)
static void change_call(pid_t tid, bool exit_stop)
{
	struct user_regs_struct r;

	if (ptrace(PTRACE_GETREGS, tid, NULL, &r) < 0)
		return;
	if (exit_stop)
		r.rax = (unsigned long long)-(long long)error_number;
	else
		r.orig_rax = (unsigned long long)-1;
	ptrace(PTRACE_SETREGS, tid, NULL, &r);
}
#elif defined(__aarch64__)
#define NT_PRSTATUS_SET 1
#define NT_SYSTEM_CALL	0x404
static void change_call(pid_t tid, bool exit_stop)
{
	struct user_regs_struct r;
	int none = -1;
	struct iovec regs = { &r, sizeof(r) }, call = { &none, sizeof(none) };

	if (!exit_stop) {
		ptrace(PTRACE_SETREGSET, tid, NT_SYSTEM_CALL, &call);
		return;
	}
	if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS_SET, &regs) < 0)
		return;
	r.regs[0] = (unsigned long long)-(long long)error_number;
	ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS_SET, &regs);
}
#else
#error "inject.c knows x86-64 and aarch64"
#endif

static int open_report(void)
{
	int fd = report_path ? open(report_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)
			     : dup(2);

	if (fd < 0)
		fail("cannot report");
	return fd;
}

static void note(const struct task *t, uint64_t nr)
{
	const struct task *leader = find(t->tgid);
	int i = index_of_call(nr), fd = open_report();

	dprintf(fd, "done %s%s%s %d %d %ld\n", i < 0 ? "another" : calls[i].name,
		*error_name ? "=" : "", error_name, (int)t->tgid, leader && leader->up, counted);
	close(fd);
}

static void note_start(const struct task *leader)
{
	int fd = at ? -1 : open_report();

	if (fd >= 0) {
		dprintf(fd, "start %ld %ld\n", leader->from, counted);
		close(fd);
	}
}

/* Whether the call that was counted last, of this process, is one that is to go wrong. */
static bool is_place(const struct task *leader)
{
	if (!stride)
		return at && counted == at;
	return leader && leader->up && counted >= at && (!last || counted <= last) &&
		(counted - at) % stride == 0;
}

static bool was_last_place(void)
{
	return !stride || (last && counted + stride > last);
}

static bool waits_for_events(uint64_t nr)
{
#ifdef __x86_64__
	if (nr == SYS_epoll_wait)
		return true;
#endif
	return nr == SYS_epoll_pwait;
}

/* A child's execve lets its parent go on before we hear of it. */
static bool has_executed(const struct task *t)
{
	char path[32], program[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)t->tgid);
	n = readlink(path, program, sizeof(program) - 1);
	program[n > 0 ? n : 0] = 0;
	return n > 0 && !is_of_tend(strrchr(program, '/') + 1);
}

static void signal_role(const char *role, int signo)
{
	for (size_t i = 0; i < n_tasks; i++)
		if (strcmp(tasks[i].role, role) == 0 && !has_executed(&tasks[i]))
			kill(tasks[i].tgid, signo);
}

/* Does a task of this role still run? A signal takes effect a little later on another processor. */
static bool runs(const char *role)
{
	char path[48], text[512];

	for (size_t i = 0; i < n_tasks; i++) {
		const char *name_end;
		ssize_t n;
		int fd;

		if (strcmp(tasks[i].role, role) != 0 || has_executed(&tasks[i]))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)tasks[i].tgid,
			(int)tasks[i].tid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
		if (fd >= 0)
			close(fd);
		text[n > 0 ? n : 0] = 0;
		name_end = strrchr(text, ')');
		if (name_end && strchr("RSD", name_end[2]))
			return true;
	}
	return false;
}

/* All daemons at once, none of which sees another's end: each of them would bring the others back.
 * Then the table. */
static void lose_all(void)
{
	static const char *const daemons[] = { "tend-guardian", "tend-spawner", "tend-monitor",
		"tend-logger", "tend-spawner-child" };
	size_t n = COUNT_OF(daemons) - (strcmp(wanted_role, "tend-spawner-child") == 0);
	const struct timespec nap = { .tv_nsec = 1000000 };

	for (size_t d = 0; d < n; d++)
		signal_role(daemons[d], SIGSTOP);
	for (size_t d = 0; d < n; d++)
		for (int tries = 0; tries < 1000 && runs(daemons[d]); tries++)
			nanosleep(&nap, NULL);
	for (size_t d = 0; d < n; d++)
		signal_role(daemons[d], SIGKILL);
	unlink(lost_path);
}

/* One begins or ends. */
static void on_call(struct task *t)
{
	struct __ptrace_syscall_info info;
	struct task *leader;
	int call, can = 0;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, sizeof(info), &info) < 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
		if (failing == t->tid) {
			change_call(t->tid, true);
			failing = 0;
			over = was_last_place();
		}
		return;
	}
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY || failing)
		return;
	leader = find(t->tgid);
	if (leader && !leader->up &&
		(waits_for_events(info.entry.nr) ||
			(info.entry.nr == SYS_munmap && strcmp(leader->role, "tend") == 0))) {
		leader->up = true;
		note_start(leader);
	}
	if (after_path && access(after_path, F_OK) < 0)
		return;
	if (error_bits) {
		can = can_fail(t->tid, info.entry.nr, info.entry.args);
		if (!can)
			return;
	}
	call = index_of_call(info.entry.nr);
	if (wanted_call && (call < 0 || strcmp(calls[call].name, wanted_call) != 0))
		return;
	if (call >= 0)
		by_call[call]++;
	counted++;
	if (!is_place(leader))
		return;
	if (can)
		choose_error(can);
	note(t, info.entry.nr);
	if (killing) {
		if (lost_path) /* first: a spawner goes on as soon as what it has forked ends */
			lose_all();
		kill(t->tgid, SIGKILL);
		over = was_last_place();
	} else if (can) {
		failing = t->tid;
		change_call(t->tid, false);
	}
}

static void go_on(const struct task *t, int signo)
{
	ptrace(!over && strcmp(t->role, wanted_role) == 0 ? PTRACE_SYSCALL : PTRACE_CONT, t->tid,
		NULL, (void *)(intptr_t)signo);
}

static void on_exec(struct task *t)
{
	t->tgid = t->tid;
	t->up = false;
	t->from = counted;
	name_by_program(t, "");
	if (is_of_tend(t->role))
		return;
	ptrace(PTRACE_DETACH, t->tid, NULL, NULL);
	forget(t->tid);
	n_traced--;
}

static void on_stop(pid_t tid, int status)
{
	struct task *t = find(tid);
	int signo = WSTOPSIG(status), event = status >> 16;

	if (!t) {
		t = learn(tid);
		n_traced++;
	}
	if (signo == (SIGTRAP | 0x80)) {
		on_call(t);
		signo = 0;
	} else if (event == PTRACE_EVENT_EXEC) {
		on_exec(t);
		t = find(tid);
		signo = 0;
	} else if (event == PTRACE_EVENT_STOP && signo != SIGTRAP) {
		ptrace(PTRACE_LISTEN, tid, NULL, NULL); /* a stop by job control goes on */
		return;
	} else if (event) {
		signo = 0;
	}
	if (t)
		go_on(t, signo);
}

static pid_t begin(char **argv)
{
	int go[2];
	char byte = 0;
	pid_t pid;

	if (pipe2(go, O_CLOEXEC) < 0 || (pid = fork()) < 0)
		fail("cannot start");
	if (pid == 0) {
		close(go[1]); /* or it would wait for itself, should we die */
		if (read(go[0], &byte, 1) != 1)
			_exit(99);
		execv(argv[0], argv);
		fprintf(stderr, "inject: %s: %s\n", argv[0], strerror(errno));
		_exit(99);
	}
	close(go[0]);
	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)(intptr_t)OPTIONS) < 0)
		fail("cannot trace");
	learn(pid);
	n_traced = 1;
	if (write(go[1], &byte, 1) != 1)
		fail("cannot start");
	close(go[1]);
	return pid;
}

static void report_counts(void)
{
	int fd = open_report();

	dprintf(fd, "none %ld\n", counted);
	for (size_t i = 0; i < COUNT_OF(calls); i++)
		if (by_call[i])
			dprintf(fd, "call %s %ld\n", calls[i].name, by_call[i]);
	close(fd);
}

/* Reads the options; what is left is the command. */
static char **parse(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "role", required_argument, NULL, 'r' },
		{ "at", required_argument, NULL, 'n' },
		{ "kill", no_argument, NULL, 'k' },
		{ "error", required_argument, NULL, 'e' },
		{ "report", required_argument, NULL, 'f' },
		{ "count", no_argument, NULL, 'c' },
		{ "call", required_argument, NULL, 'w' },
		{ "lose", required_argument, NULL, 'l' },
		{ "after", required_argument, NULL, 'a' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "+", longs, NULL)) != -1) {
		switch (c) {
		case 'r':
			wanted_role = optarg;
			break;
		case 'n':
			sscanf(optarg, "%ld:%ld:%ld", &at, &stride, &last);
			break;
		case 'k':
			killing = true;
			break;
		case 'c':
			break;
		case 'w':
			wanted_call = optarg;
			break;
		case 'l':
			lost_path = optarg;
			break;
		case 'a':
			after_path = optarg;
			break;
		case 'f':
			report_path = optarg;
			break;
		case 'e':
			for (size_t i = 0; i < COUNT_OF(errors); i++)
				if (strcmp(errors[i].name, optarg) == 0 ||
					strcmp("ANY", optarg) == 0)
					error_bits |= errors[i].bit;
			break;
		default:
			exit(99);
		}
	}
	if (!wanted_role || optind == argc) {
		fputs("usage: inject --role ROLE --at N[:STRIDE[:LAST]] (--kill | --error ERRNO | --count) [--report FILE] -- COMMAND [ARGUMENT...]\n",
			stderr);
		exit(99);
	}
	return argv + optind;
}

static void on_term(int signo)
{
	(void)signo;
	told_to_end = 1;
}

static int code_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	const struct sigaction term = { .sa_handler = on_term };
	char **command = parse(argc, argv);
	int status, code = 0;
	bool ended = false, is_cli;
	pid_t root, pid;

	sigaction(SIGTERM, &term, NULL);
	root = begin(command);
	is_cli = strcmp(basename(command[0]), "tend") == 0;
	/* Our end lets everything go. Before that, the exit status of a command is ours to tell. */
	while (n_traced > 0 && !told_to_end && !(is_cli ? ended : over)) {
		pid = waitpid(-1, &status, __WALL);
		if (pid < 0)
			continue;
		if (WIFSTOPPED(status)) {
			on_stop(pid, status);
			continue;
		}
		if (pid == root)
			ended = true, code = code_of(status);
		if (find(pid))
			n_traced--;
		forget(pid);
	}
	if (at == 0)
		report_counts();
	return ended ? code : 0;
}
