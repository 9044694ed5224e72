/*
 * tests/chaos/failmalloc.c - a library to be preloaded: in one program of tend, an allocation
 * fails, or several.
 *
 * Environment: CHAOS_ROLE is the program's name (tend-spawner), CHAOS_AT the number of the
 * allocation (malloc, calloc, realloc, posix_memalign and aligned_alloc count alike), or
 * N:STRIDE[:LAST] as in inject.c. CHAOS_REPORT is a file that gets the line "done malloc PID UP AT"
 * for each that fails, UP and AT as in inject.c; with CHAOS_AT=0 it gets lines "start FROM TO" as
 * there. All incarnations of the program are counted together, in a u64 that they share in the file
 * CHAOS_REPORT.count.
 *
 * Memory comes from glibc by its own names, so that nothing here allocates.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static _Atomic uint64_t *counted;	/* NULL: another program */
static uint64_t at, stride, last, from; /* from: so many were counted when this process began */
static bool up;
static pid_t own_pid; /* what it has forked (a spawner, to save) may end over it */
static const char *report_path;

static void append(const char *text, int n)
{
	int fd = open(report_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, (size_t)n) != n)
		abort(); /* a fault that nobody knows of */
	close(fd);
}

__attribute__((constructor)) static void begin(void)
{
	const char *role = getenv("CHAOS_ROLE"), *number = getenv("CHAOS_AT");
	char path[4096];
	void *map;
	int fd;

	own_pid = getpid();
	report_path = getenv("CHAOS_REPORT");
	if (!role || !number || !report_path || strcmp(role, program_invocation_short_name) != 0)
		return;
	sscanf(number, "%" SCNu64 ":%" SCNu64 ":%" SCNu64, &at, &stride, &last);
	snprintf(path, sizeof(path), "%s.count", report_path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(*counted)) < 0)
		abort();
	map = mmap(NULL, sizeof(*counted), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		abort();
	close(fd);
	counted = map;
	from = atomic_load(counted);
}

static bool fails(void)
{
	char line[64];
	uint64_t n;

	if (!counted)
		return false;
	n = atomic_fetch_add(counted, 1) + 1;
	if (stride ? !up || n < at || (last && n > last) || (n - at) % stride != 0 : !at || n != at)
		return false;
	append(line,
		snprintf(line, sizeof(line), "done malloc %d %d %" PRIu64 "\n", (int)getpid(),
			up && getpid() == own_pid, n));
	errno = ENOMEM;
	return true;
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
	char line[64];

	if (counted && !at && !up)
		append(line,
			snprintf(line, sizeof(line), "start %" PRIu64 " %" PRIu64 "\n", from,
				atomic_load(counted)));
	up = true;
	return (int)syscall(SYS_epoll_pwait, fd, events, max, timeout, NULL, 0);
}
