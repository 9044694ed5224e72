/* base/pipe.c - see base/pipe.h. */
#include "base/pipe.h"

#include <poll.h>
#include <sys/ioctl.h>

uint32_t pipe_bytes(int fd)
{
	int n = 0;

	return fd >= 0 && ioctl(fd, FIONREAD, &n) == 0 && n > 0 ? (uint32_t)n : 0;
}

bool pipe_is_full(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return pipe_bytes(fd) > 0 && poll(&p, 1, 0) >= 0 && !(p.revents & POLLOUT);
}
