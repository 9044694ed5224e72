/* links: cli/ */
/*
 * tests/fuzz/fuzz_cmdline.c - the command line: any arguments, one on a line, for any command.
 * Whatever is typed ends with one of the exit statuses that are promised; misuse is reported; and
 * no complaint carries a control character to the terminal.
 *
 * Commands act, and arguments are made up. So they run in a thread of their own that has lost every
 * right to change anything (no file is made, changed or removed, no process made or signalled, no
 * socket), with a home that does not exist, and with nobody who reads what they print: what would
 * follow something ends at once.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/cmdtable.h"
#include "cli/commands.h"
#include "tests/fuzz/fuzz.h"

#define ARGS_MAX 64

static const uint32_t refused[] = {
	__NR_kill,
	__NR_tkill,
	__NR_pidfd_send_signal,
	__NR_rt_sigqueueinfo,
	__NR_execve,
	__NR_execveat,
	__NR_clone3,
	__NR_unlinkat,
	__NR_renameat2,
	__NR_mkdirat,
	__NR_mknodat,
	__NR_symlinkat,
	__NR_linkat,
	__NR_truncate,
	__NR_fchmod,
	__NR_fchmodat,
	__NR_fchown,
	__NR_fchownat,
	__NR_openat2,
	__NR_socket,
	__NR_setrlimit,
	__NR_renameat,
#ifdef __NR_fork
	__NR_fork,
	__NR_vfork,
	__NR_open,
	__NR_creat,
	__NR_unlink,
	__NR_rmdir,
	__NR_rename,
	__NR_mkdir,
	__NR_mknod,
	__NR_symlink,
	__NR_link,
	__NR_chmod,
	__NR_chown,
	__NR_lchown,
#endif
};
#define REFUSED (sizeof(refused) / sizeof(refused[0]))

#define REFUSE	      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES)
#define OF(what)      offsetof(struct seccomp_data, what)
#define LOAD(what)    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)OF(what))
#define UNLESS(nr, n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, (n))

/* For this thread only: libFuzzer writes files in another. */
static void lose_rights(void)
{
	static const struct sock_filter with_flags[] = {
		UNLESS(__NR_openat, 3),
		LOAD(args[2]),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC, 0, 4),
		REFUSE,
		UNLESS(__NR_clone, 3),
		LOAD(args[0]),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0),
		REFUSE,
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_filter code[1 + 2 * REFUSED + sizeof(with_flags) / sizeof(with_flags[0])];
	struct sock_fprog program = { .filter = code, .len = sizeof(code) / sizeof(code[0]) };
	size_t n = 0;

	code[n++] = (struct sock_filter)LOAD(nr);
	for (size_t i = 0; i < REFUSED; i++) {
		code[n++] = (struct sock_filter)UNLESS(refused[i], 1);
		code[n++] = (struct sock_filter)REFUSE;
	}
	memcpy(code + n, with_flags, sizeof(with_flags));
	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
	MUST(kill(0, 0) < 0 &&
		openat(AT_FDCWD, "/tmp/fuzz-cmdline-wrote", O_WRONLY | O_CREAT, 0600) < 0);
}

/* The completions of shells ask silently. */
static void check_complaint(int status, bool silent, const char *text, size_t len)
{
	MUST(status == EXIT_OK || status == EXIT_FAIL || status == EXIT_MISUSE ||
		status == EXIT_NOT_RUNNING);
	MUST(status != EXIT_MISUSE || len > 0 || silent);
	for (size_t i = 0; i < len; i++)
		MUST(((unsigned char)text[i] >= 0x20 && text[i] != 0x7f) || text[i] == '\n');
}

/* stdout becomes a pipe that nobody reads, stderr is kept in memory. */
static void run(int argc, char **argv)
{
	FILE *out = stdout, *err = stderr;
	int kept = dup(STDOUT_FILENO), ends[2], status;
	char *said = NULL;
	size_t len = 0;

	MUST(kept >= 0 && fflush(stdout) == 0 && pipe(ends) == 0);
	close(ends[0]);
	MUST(dup2(ends[1], STDOUT_FILENO) == STDOUT_FILENO);
	close(ends[1]);
	stdout = fdopen(STDOUT_FILENO, "w");
	stderr = open_memstream(&said, &len);
	MUST(stdout && stderr);
	optind = 0;
	status = commands_run(cmdtable, argc, argv);
	fclose(stderr);
	__fpurge(stdout);
	fclose(stdout);
	stdout = out;
	stderr = err;
	MUST(dup2(kept, STDOUT_FILENO) == STDOUT_FILENO);
	close(kept);
	check_complaint(status, argc > 1 && strcmp(argv[1], cmd_complete.name) == 0, said, len);
	free(said);
}

static void split(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), program[] = "tend", *argv[ARGS_MAX + 2] = { program };
	int argc = 1;

	if (!text)
		return;
	memcpy(text, data, size);
	text[size] = 0;
	for (char *p = text; *p && argc <= ARGS_MAX; argc++) {
		argv[argc] = p;
		p += strcspn(p, "\n");
		if (*p)
			*p++ = 0;
	}
	run(argc, argv);
	free(text);
}

static sem_t go, done;
static const uint8_t *input;
static size_t input_size;

static void *serve(void *arg)
{
	lose_rights();
	while (sem_wait(&go) == 0 || errno == EINTR) {
		split(input, input_size);
		sem_post(&done);
	}
	return arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static pthread_t thread;
	static bool ready;

	if (!ready) {
		setenv("TEND_HOME", "/proc/1/no-home", 1);
		signal(SIGPIPE, SIG_IGN);
		MUST(sem_init(&go, 0, 0) == 0 && sem_init(&done, 0, 0) == 0 &&
			pthread_create(&thread, NULL, serve, NULL) == 0);
		ready = true;
	}
	input = data;
	input_size = size;
	sem_post(&go);
	while (sem_wait(&done) < 0)
		MUST(errno == EINTR);
	return 0;
}
