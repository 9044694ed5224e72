/* shm/wake.c - doorbells (shm/wake.h). */
#include "shm/wake.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"

static void bell_name(enum role role, char buf[static 32])
{
	snprintf(buf, 32, "bell.%s", role_name(role));
}

int bell_open(const struct home *h, enum role role)
{
	char name[32];

	bell_name(role, name);
	io_make_way(h->run_fd, name, S_IFIFO);
	if (mkfifoat(h->run_fd, name, 0600) < 0 && errno != EEXIST)
		return -errno;
	return io_open(h->run_fd, name, O_RDWR | O_NONBLOCK, 0);
}

void bell_drain(int bell_fd)
{
	char sink[256];

	while (read(bell_fd, sink, sizeof(sink)) == (ssize_t)sizeof(sink))
		;
}

static int press(int fd)
{
	ssize_t n;

	do
		n = write(fd, "", 1);
	while (n < 0 && errno == EINTR);
	if (n == 1 || errno == EAGAIN)
		return 0;
	return errno == EPIPE ? -ENXIO : -errno;
}

int bell_ring(const struct home *h, enum role role)
{
	int fd = -1;
	int r = bell_ring_kept(h, role, &fd);

	io_close(&fd);
	return r;
}

/* Something else may lie in its place until the daemon makes way: a file would take the byte, and
 * tell nobody. -ENXIO: there is no doorbell. */
static int open_bell(const struct home *h, enum role role)
{
	char name[32];
	struct stat st;
	int fd;

	bell_name(role, name);
	fd = io_open(h->run_fd, name, O_WRONLY | O_NONBLOCK, 0);
	if (fd < 0)
		return fd == -ENOENT ? -ENXIO : fd;
	if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode))
		return fd;
	io_close(&fd);
	return -ENXIO;
}

int bell_ring_kept(const struct home *h, enum role role, int *fd)
{
	int r;

	if (*fd < 0) {
		r = open_bell(h, role);
		if (r < 0)
			return r;
		*fd = r;
	}
	r = press(*fd);
	if (r < 0) /* perhaps the FIFO was made anew: look again next time */
		io_close(fd);
	return r;
}
