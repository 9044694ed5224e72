/*
 * tests/chaos/failmalloc.c - a library to be preloaded: in one program of tend, one allocation fails.
 *
 * Environment: CHAOS_ROLE is the program's name (tend-spawner), CHAOS_AT the number of the allocation (malloc, calloc, realloc, posix_memalign and
 * aligned_alloc count alike), CHAOS_REPORT a file that must not exist yet: whoever lets an allocation fail makes it, and nobody fails a second one.
 * It gets the line "done malloc PID UP", UP as in inject.c. CHAOS_AT=0 counts only: each program appends "none COUNT PID" when it ends in order.
 *
 * Memory comes from glibc by its own names, so that nothing here allocates.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static atomic_long counted;
static long at = -1; /* -1: another program */
static bool up, done;
static pid_t own_pid; /* what it has forked (a spawner, to save) may end over it */
static const char *report_path;

static void append(int flags, const char *text, int n)
{
	int fd = open(report_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0600);

	if (fd < 0 || write(fd, text, (size_t)n) != n)
		done = true; /* someone else was first */
	if (fd >= 0)
		close(fd);
}

__attribute__((constructor)) static void begin(void)
{
	const char *role = getenv("CHAOS_ROLE"), *number = getenv("CHAOS_AT");

	own_pid = getpid();
	report_path = getenv("CHAOS_REPORT");
	if (role && number && report_path && strcmp(role, program_invocation_short_name) == 0)
		at = atol(number);
}

__attribute__((destructor)) static void end(void)
{
	char line[64];

	if (at == 0)
		append(0, line, snprintf(line, sizeof(line), "none %ld %d\n", atomic_load(&counted), (int)getpid()));
}

static bool fails(void)
{
	char line[64];
	int saved = errno;

	if (at < 0 || atomic_fetch_add(&counted, 1) + 1 != at || done)
		return false;
	append(O_EXCL, line, snprintf(line, sizeof(line), "done malloc %d %d\n", (int)getpid(), up && getpid() == own_pid));
	errno = done ? saved : ENOMEM;
	return !done;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	return fails() ? NULL : __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return fails() ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
	void *p = fails() ? NULL : __libc_memalign(alignment, size);

	if (!p)
		return ENOMEM;
	*ret = p;
	return 0;
}

int epoll_wait(int fd, struct epoll_event *events, int max, int timeout)
{
	up = true;
	return (int)syscall(SYS_epoll_pwait, fd, events, max, timeout, NULL, 0);
}
