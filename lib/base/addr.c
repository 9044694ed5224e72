/* base/addr.c - see base/addr.h. */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/str.h"

void addr_bare(const char *host, char *buf, size_t size)
{
	(void)str_copy(buf, size, host[0] == '[' ? host + 1 : host);
	if (host[0] == '[')
		buf[strcspn(buf, "]")] = 0;
}

static int loopback(unsigned port, struct addr ret[static ADDR_MAX])
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
		.sin6_port = htons((uint16_t)port) };

	memcpy(&ret[0].sa, &v4, sizeof(v4));
	memcpy(&ret[1].sa, &v6, sizeof(v6));
	ret[0].len = sizeof(v4);
	ret[1].len = sizeof(v6);
	return 2;
}

int addr_find(const char *host, unsigned port, struct addr ret[static ADDR_MAX], const char **why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV }, *list;
	char service[8], bare[256];
	int n = 0, r;

	addr_bare(host, bare, sizeof(bare));
	memset(ret, 0, ADDR_MAX * sizeof(*ret));
	if (strcasecmp(bare, "localhost") == 0)
		return loopback(port, ret);
	(void)snprintf(service, sizeof(service), "%u", port);
	r = getaddrinfo(bare, service, &hints, &list);
	if (r != 0) {
		if (why)
			*why = r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r);
		return -EADDRNOTAVAIL;
	}
	for (const struct addrinfo *ai = list; ai && n < (int)ADDR_MAX; ai = ai->ai_next) {
		if (ai->ai_addrlen > sizeof(ret[n].sa))
			continue;
		memcpy(&ret[n].sa, ai->ai_addr, ai->ai_addrlen);
		ret[n++].len = ai->ai_addrlen;
	}
	freeaddrinfo(list);
	return n;
}

static const struct sockaddr_in *v4_of(const struct addr *at)
{
	return (const struct sockaddr_in *)(const void *)&at->sa;
}

static const struct sockaddr_in6 *v6_of(const struct addr *at)
{
	return (const struct sockaddr_in6 *)(const void *)&at->sa;
}

bool addr_is_loopback(const struct addr *at)
{
	if (at->sa.ss_family == AF_INET)
		return ntohl(v4_of(at)->sin_addr.s_addr) >> 24 == 127;
	return at->sa.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6_of(at)->sin6_addr);
}

bool addr_same_host(const struct addr *a, const struct addr *b)
{
	if (a->sa.ss_family != b->sa.ss_family)
		return false;
	if (a->sa.ss_family == AF_INET6)
		return memcmp(&v6_of(a)->sin6_addr, &v6_of(b)->sin6_addr,
			       sizeof(struct in6_addr)) == 0;
	return v4_of(a)->sin_addr.s_addr == v4_of(b)->sin_addr.s_addr;
}

unsigned addr_port(const struct addr *at)
{
	return ntohs(at->sa.ss_family == AF_INET6 ? v6_of(at)->sin6_port : v4_of(at)->sin_port);
}

static void set_port(struct addr *at, unsigned port)
{
	in_port_t value = htons((uint16_t)port);

	if (at->sa.ss_family == AF_INET6)
		((struct sockaddr_in6 *)(void *)&at->sa)->sin6_port = value;
	else
		((struct sockaddr_in *)(void *)&at->sa)->sin_port = value;
}

void addr_show(const struct addr *at, char *buf, size_t size)
{
	char text[INET6_ADDRSTRLEN] = "?";
	bool v6 = at->sa.ss_family == AF_INET6;

	(void)inet_ntop(at->sa.ss_family,
		v6 ? (const void *)&v6_of(at)->sin6_addr : &v4_of(at)->sin_addr, text,
		sizeof(text));
	(void)snprintf(buf, size, v6 ? "[%s]:%u" : "%s:%u", text, addr_port(at));
}

static int listen_on(const struct addr *at)
{
	int on = 1, fd = socket(at->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&at->sa, at->len) == 0 && listen(fd, 1024) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

/* Resolvers name an address twice when a file does. */
static bool is_repeated(const struct addr *at, int i)
{
	for (int k = 0; k < i; k++)
		if (at[k].len == at[i].len && memcmp(&at[k].sa, &at[i].sa, at[i].len) == 0)
			return true;
	return false;
}

static int listen_once(const struct addr *list, int n, int ret_fd[static ADDR_MAX])
{
	struct addr first = { .len = sizeof(first.sa) };
	unsigned port = 0;
	int k = 0, fd;

	for (int i = 0; i < n; i++) {
		struct addr at = list[i];

		if (is_repeated(list, i))
			continue;
		if (port)
			set_port(&at, port);
		fd = listen_on(&at);
		if (fd >= 0) {
			ret_fd[k++] = fd;
			if (addr_port(&at) == 0 &&
				getsockname(fd, (struct sockaddr *)&first.sa, &first.len) == 0)
				port = addr_port(&first);
		} else if (fd != -EADDRNOTAVAIL && fd != -EAFNOSUPPORT) {
			while (k > 0)
				close(ret_fd[--k]);
			return fd;
		}
	}
	return k ? k : -EADDRNOTAVAIL;
}

int addr_listen(const struct addr *at, int n, int ret_fd[static ADDR_MAX])
{
	int r = -EADDRNOTAVAIL;

	/* a port that the kernel chose for one may be taken for the next */
	for (int tries = 0; tries < 20; tries++) {
		r = listen_once(at, n, ret_fd);
		if (r != -EADDRINUSE || n < 1 || addr_port(&at[0]) != 0)
			break;
	}
	return r;
}
