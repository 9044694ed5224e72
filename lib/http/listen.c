/* http/listen.c - where a server listens (http/server.h). */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "http/server.h"

int http_listen(
	const char *host, unsigned port, bool public, struct http_sockets *ret, struct fault *f)
{
	struct addr at[ADDR_MAX];
	const char *why = "";
	char bare[256];
	int n = addr_find(host, port, at, &why);
	size_t len = 0;

	addr_bare(host, bare, sizeof(bare));
	if (n < 0)
		return fault_set(f, n, "cannot find the address of %s: %s", bare, why);
	for (int i = 0; i < n && !public; i++)
		if (!addr_is_loopback(&at[i]))
			return fault_set(f, -EACCES,
				"%s is not a loopback address: anyone who reaches it could register agents; --public allows that",
				bare);
	ret->n = addr_listen(at, n, ret->fd);
	if (ret->n < 0)
		return fault_errno(f, ret->n, "cannot listen on %s port %u", bare, port);
	for (int i = 0; i < ret->n && len < sizeof(ret->shown); i++) {
		struct addr own = { .len = sizeof(own.sa) };
		char text[80];

		(void)getsockname(ret->fd[i], (struct sockaddr *)&own.sa, &own.len);
		addr_show(&own, text, sizeof(text));
		len += (size_t)snprintf(ret->shown + len, sizeof(ret->shown) - len, "%shttp://%s",
			i ? ", " : "", text);
	}
	return 0;
}
