/*
 * tests/chaos/shiftclock.c - a library to be preloaded: the time of day is stepped for those who
 * use it, and for nobody else on the machine.
 *
 * Environment: CHAOS_CLOCK is a file that holds one int64_t, the nanoseconds to be added to
 * CLOCK_REALTIME; whoever writes to the file steps the clock of all at once, while they run. Other
 * clocks are left alone, as a step of the real one leaves them. CHAOS_LATER: nanoseconds that are
 * added to CLOCK_BOOTTIME, for a program that is to see things as they would be later.
 */
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SEC 1000000000

static const _Atomic int64_t *shift;
static int64_t later;
static int (*real_clock_gettime)(clockid_t clock, struct timespec *ret);

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("CHAOS_CLOCK"), *boot = getenv("CHAOS_LATER");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*shift), PROT_READ, MAP_SHARED, fd, 0);

	if (at != MAP_FAILED)
		shift = at;
	if (fd >= 0)
		close(fd);
	later = boot ? strtoll(boot, NULL, 10) : 0;
	real_clock_gettime = (int (*)(clockid_t, struct timespec *))dlsym(
		RTLD_NEXT, "clock_gettime");
}

static void add(struct timespec *t, int64_t more)
{
	int64_t ns = t->tv_sec * (int64_t)NS_PER_SEC + t->tv_nsec + more;

	t->tv_sec = ns / NS_PER_SEC;
	t->tv_nsec = ns % NS_PER_SEC;
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	int r = real_clock_gettime ? real_clock_gettime(clock, ret)
				   : (int)syscall(SYS_clock_gettime, clock, ret);

	if (r == 0 && shift && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		add(ret, atomic_load(shift));
	if (r == 0 && clock == CLOCK_BOOTTIME)
		add(ret, later);
	return r;
}

time_t time(time_t *ret)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	*ret = (struct timeval){ .tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000 };
	return 0;
}
