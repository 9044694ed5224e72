/*
 * tests/bin/witness.c - a process that keeps its own record of what it did, so that a checker can
 * compare it with what tend says.
 *
 *   witness FOLDER NAME CRASHES LINES GAP_US
 *
 * Run number RUN (from 0) appends "RUN PID START_TICKS" to FOLDER/NAME.runs and writes lines "NAME
 * RUN LINE" (from 0) to standard output, GAP_US apart. How many of them it has written lies as a
 * u64 at RUN * 8 in FOLDER/NAME.lines: after each write, so of a run that was killed one more may
 * have been written. One of the first CRASHES runs ends after LINES lines, by itself; later ones
 * write LINES lines and then one each 50 x GAP_US for as long as they live, and end at SIGUSR1.
 * Right before it ends a run appends "RUN STATUS BOOT_NS" to FOLDER/NAME.ends, and exits with it:
 * 10 + RUN % 100. A run that finds another one alive appends "double PID 0" to NAME.runs and exits
 * with 99.
 *
 * The lock that shows this is taken as early as possible and kept to the end: no two runs of a
 * process may ever overlap.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

static const char *folder, *name;
static int lines_fd;
static bool told_to_end;

static int open_in_folder(const char *suffix)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s.%s", folder, name, suffix);
	fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		_exit(98);
	return fd;
}

static __attribute__((format(printf, 2, 3))) void append(int fd, const char *format, ...)
{
	char line[128];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	if (n <= 0 || write(fd, line, (size_t)n) != n)
		_exit(98);
}

static unsigned long count_lines(int fd)
{
	char buf[4096];
	ssize_t n;
	unsigned long lines = 0;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++)
			lines += buf[i] == '\n';
	return lines;
}

static unsigned long long own_start(void)
{
	char buf[1024], *at;
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (n <= 0)
		_exit(98);
	close(fd);
	buf[n] = 0;
	at = strrchr(buf, ')') + 1;
	for (int i = 0; i < 19; i++) /* field 22; the first behind the command is field 3 */
		at = strchr(at + 1, ' ');
	return strtoull(at, NULL, 10);
}

static void say(unsigned long run, uint64_t line)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "%s %lu %llu\n", name, run, (unsigned long long)line);
	uint64_t written = line + 1;
	ssize_t r;

	/* A write of so few bytes to a pipe is whole or not at all. */
	while ((r = write(STDOUT_FILENO, text, (size_t)n)) < 0 && errno == EINTR)
		;
	if (r != n)
		_exit(97);
	if (pwrite(lines_fd, &written, sizeof(written), (off_t)(run * sizeof(written))) !=
		sizeof(written))
		_exit(98);
}

/* Sleep, unless and until SIGUSR1 comes, which is blocked. */
static void nap(unsigned long us, const sigset_t *usr1)
{
	struct timespec ts = { .tv_sec = (time_t)(us / 1000000),
		.tv_nsec = (long)(us % 1000000) * 1000 };

	if (sigtimedwait(usr1, NULL, &ts) == SIGUSR1)
		told_to_end = true;
}

int main(int argc, char **argv)
{
	unsigned long crashes, lines, gap, run;
	char path[4096];
	struct timespec now;
	sigset_t usr1;
	int runs_fd;

	if (argc < 6) {
		fprintf(stderr, "usage: witness FOLDER NAME CRASHES LINES GAP_US\n");
		return 2;
	}
	folder = argv[1];
	name = argv[2];
	crashes = strtoul(argv[3], NULL, 10);
	lines = strtoul(argv[4], NULL, 10);
	gap = strtoul(argv[5], NULL, 10);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &usr1, NULL);
	runs_fd = open_in_folder("runs");
	if (flock(runs_fd, LOCK_EX | LOCK_NB) != 0) {
		append(runs_fd, "double %d 0\n", (int)getpid());
		return 99;
	}
	run = count_lines(runs_fd);
	append(runs_fd, "%lu %d %llu\n", run, (int)getpid(), own_start());
	snprintf(path, sizeof(path), "%s/%s.lines", folder, name);
	/* not O_APPEND, which pwrite() would obey */
	lines_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lines_fd < 0)
		return 98;
	for (uint64_t line = 0; !told_to_end; line++) {
		if (line >= lines && run < crashes)
			break;
		say(run, line);
		nap(line < lines ? gap : gap * 50, &usr1);
	}
	clock_gettime(CLOCK_BOOTTIME, &now);
	append(open_in_folder("ends"), "%lu %lu %lld\n", run, 10 + run % 100,
		(long long)now.tv_sec * 1000000000 + now.tv_nsec);
	return (int)(10 + run % 100);
}
