/*
 * base/pidref.c - a process that can't be mistaken for another.
 */
#define _GNU_SOURCE 1
#include "base/pidref.h"

#include <errno.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"
#include "base/procfs.h"

int sys_pidfd_open(pid_t pid)
{
	long fd = syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by itself */

	return fd < 0 ? -errno : (int)fd;
}

int sys_pidfd_signal(int pidfd, int signo)
{
	return syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0) < 0 ? -errno : 0;
}

int pidref_open(pid_t pid, uint64_t start_ticks, struct pidref *ret)
{
	struct procfs_stat st;

	if (pid <= 0)
		return -EINVAL;
	int fd = sys_pidfd_open(pid);
	if (fd == -EINVAL || fd == -ENOENT)
		return -ESRCH; /* the number is that of a thread now, which leads no process */
	if (fd < 0)
		return fd;
	int r = procfs_stat(pid, &st);
	/* The number may have changed hands between the two calls. If what the pidfd names has not
	 * been reaped yet, it still had the number when stat was read, so both are of one process.
	 * -EPERM says that it is there, too. */
	if (!r && sys_pidfd_signal(fd, 0) == -ESRCH)
		r = -ESRCH;
	if (!r && start_ticks != 0 && st.start_ticks != start_ticks)
		r = -ESRCH;
	if (r) {
		io_close(&fd);
		return r;
	}
	*ret = (struct pidref){ .pid = pid, .start_ticks = st.start_ticks, .fd = fd };
	return 0;
}

void pidref_done(struct pidref *r)
{
	io_close(&r->fd);
	*r = (struct pidref)PIDREF_NONE;
}

int pidref_signal(const struct pidref *r, int signo)
{
	return r->fd < 0 ? -ESRCH : sys_pidfd_signal(r->fd, signo);
}

static int stat_exactly(pid_t pid, uint64_t start_ticks, struct procfs_stat *ret)
{
	int r = procfs_stat(pid, ret);

	return r ? r : start_ticks != 0 && ret->start_ticks != start_ticks ? -ESRCH : 0;
}

char pid_state(pid_t pid, uint64_t start_ticks)
{
	struct procfs_stat st;

	return stat_exactly(pid, start_ticks, &st) ? '\0' : st.state;
}

bool pid_alive(pid_t pid, uint64_t start_ticks)
{
	struct procfs_stat st;

	return !stat_exactly(pid, start_ticks, &st) && procfs_stat_alive(&st);
}

/* linux/pidfd.h of Debian 12 does not know these yet. The kernel accepts any size from the first
 * version on and fills what it can. */
struct pidfd_info_v0 {
	uint64_t mask;
	uint64_t cgroupid;
	uint32_t pid, tgid, ppid;
	uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
	int32_t exit_code;
};
#define PIDFD_GET_INFO_V0   _IOWR(0xFF, 11, struct pidfd_info_v0)
#define PIDFD_INFO_EXIT_BIT (1ull << 3)

int pidref_exit_status(const struct pidref *r, int *ret_wait_status)
{
	struct pidfd_info_v0 info = { .mask = PIDFD_INFO_EXIT_BIT };

	if (r->fd < 0 || ioctl(r->fd, PIDFD_GET_INFO_V0, &info) < 0 ||
		!(info.mask & PIDFD_INFO_EXIT_BIT))
		return -ENOTSUP;
	*ret_wait_status = info.exit_code;
	return 0;
}

int pid_wait_status(const siginfo_t *si)
{
	if (si->si_code == CLD_EXITED)
		return (si->si_status & 0xff) << 8;
	return si->si_status | (si->si_code == CLD_DUMPED ? 0x80 : 0);
}
