/* client/knock.c - does a registry answer (client/knock.h). */
#include "client/knock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/str.h"

static int left_ms(uint64_t until)
{
	uint64_t now = clock_boot_ns();

	return now >= until ? 0 : (int)((until - now) / NS_PER_MS) + 1;
}

static int wait_for(int fd, short what, uint64_t until)
{
	struct pollfd p = { .fd = fd, .events = what };
	int r = poll(&p, 1, left_ms(until));

	return r > 0 ? 0 : r == 0 ? -ETIMEDOUT : -errno;
}

static int connect_to(const struct addr *at, uint64_t until, int *ret_fd)
{
	int fd = socket(at->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), e = 0, r;
	socklen_t len = sizeof(e);

	if (fd < 0)
		return -errno;
	r = connect(fd, (const struct sockaddr *)&at->sa, at->len) == 0 ? 0 : -errno;
	if (r == -EINPROGRESS && (r = wait_for(fd, POLLOUT, until)) == 0)
		r = getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) < 0 ? -errno : -e;
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

/* The status line is all that counts; the rest stays in the socket. */
static int ask(int fd, const char *host, unsigned port, uint64_t until)
{
	char text[512];
	int n = snprintf(text, sizeof(text),
		"GET /health HTTP/1.1\r\nHost: %.200s:%u\r\nConnection: close\r\n\r\n", host, port);
	size_t have = 0;
	int64_t status;

	if (send(fd, text, (size_t)n, MSG_NOSIGNAL) != n)
		return 0;
	while (have < 12 && wait_for(fd, POLLIN, until) == 0) {
		ssize_t got = recv(fd, text + have, sizeof(text) - 1 - have, 0);

		if (got <= 0)
			break;
		have += (size_t)got;
	}
	text[have < 12 ? 0 : 12] = 0;
	return strncmp(text, "HTTP/1.", 7) == 0 && str_int(text + 9, 100, 599, &status) == 0
		? (int)status
		: 0;
}

int knock(const char *host, unsigned port, unsigned timeout_ms)
{
	uint64_t until = clock_boot_ns() + timeout_ms * NS_PER_MS;
	struct addr at[ADDR_MAX];
	int n = addr_find(host, port, at, NULL), r = n < 0 ? n : -ECONNREFUSED, fd = -1;

	for (int i = 0; i < n && fd < 0; i++)
		r = connect_to(&at[i], until, &fd);
	if (fd < 0)
		return r;
	r = ask(fd, host, port, until);
	close(fd);
	return r;
}
