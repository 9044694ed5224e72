/* base/addr.c - see base/addr.h. */
#include "base/addr.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

void addr_bare(const char *host, char *buf, size_t size)
{
	(void)str_copy(buf, size, host[0] == '[' ? host + 1 : host);
	if (host[0] == '[')
		buf[strcspn(buf, "]")] = 0;
}

static int loopback(unsigned port, struct addr ret[static ADDR_MAX])
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT, .sin6_port = htons((uint16_t)port) };

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
