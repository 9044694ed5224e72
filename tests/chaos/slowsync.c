/*
 * tests/chaos/slowsync.c - preloaded into the daemons: fsync(2) of a regular file waits for as long
 * as the file exists that $CHAOS_SLOW names, as a disk that hangs would make it wait. A process
 * that is killed meanwhile has not synced, nor done what comes after.
 */
#define _GNU_SOURCE 1
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int fsync(int fd)
{
	static const struct timespec nap = { .tv_nsec = 5000000 };
	const char *slow = getenv("CHAOS_SLOW");
	struct stat st;

	while (slow && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && access(slow, F_OK) == 0)
		(void)nanosleep(&nap, NULL);
	return (int)syscall(SYS_fsync, fd);
}
