/* client/turn.c - see client/turn.h. */
#include "client/turn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/procfs.h"
#include "base/role.h"
#include "client/instance.h"

#define EDIT_WAIT_NS  (10 * NS_PER_SEC) /* a file is read and written within milliseconds */
#define START_WAIT_NS (60 * NS_PER_SEC) /* an upgrade replaces four daemons, one after the other */

/* Who has it, by its own word. */
static int explain(int fd, const struct home *h, const char *file, struct fault *f)
{
	char text[64] = "";
	struct procfs_stat st;
	int pid = 0;

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0 || sscanf(text, "%d", &pid) != 1 || pid <= 0)
		return fault_set(f, -EBUSY, "another command holds %s/run/%s", h->path, file);
	if (procfs_stat(pid, &st) == 0 && (st.state == 'T' || st.state == 't'))
		return fault_set(f, -EBUSY,
			"process %d, which is stopped, holds %s/run/%s; \"kill -CONT %d\" lets it go on",
			pid, h->path, file, pid);
	return fault_set(f, -EBUSY, "process %d holds %s/run/%s", pid, h->path, file);
}

int turn_take(const struct home *h, const char *file, const struct watcher *w, struct fault *f)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	uint64_t began = clock_boot_ns(),
		 until = began + (strcmp(file, TURN_START) == 0 ? START_WAIT_NS : EDIT_WAIT_NS);
	char path[64];
	int fd, r;

	/* someone may have removed it, with no daemon left to miss it */
	(void)mkdirat(h->fd, "run", 0700);
	snprintf(path, sizeof(path), "run/%s", file);
	if (h->run_fd >= 0)
		io_make_way(h->run_fd, file, S_IFREG);
	fd = io_open(h->fd, path, O_RDWR | O_CREAT | O_NONBLOCK | O_NOCTTY, 0600);
	if (fd < 0)
		return fault_errno(f, fd, "cannot open %s/%s", h->path, path);
	while ((r = fcntl(fd, F_OFD_SETLK, &lock) < 0 ? -errno : 0) == -EAGAIN || r == -EACCES ||
		r == -EINTR) {
		if (clock_boot_ns() >= until) {
			r = explain(fd, h, file, f);
			break;
		}
		watcher_wait(w, began, "waiting for another command that holds run/%s", file);
		instance_nap(5);
	}
	watcher_came(w);
	if (r < 0) {
		io_close(&fd);
		return r == -EBUSY ? r : fault_errno(f, r, "cannot lock %s/%s", h->path, path);
	}
	(void)role_sign(fd);
	return fd;
}
