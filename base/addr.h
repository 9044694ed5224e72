/*
 * base/addr.h - where a host is: a name or an address, IPv6 with or without brackets, to socket addresses.
 */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <sys/socket.h>

#define ADDR_MAX 8u

struct addr {
	struct sockaddr_storage sa;
	socklen_t len;
};

/* Without its brackets. */
void addr_bare(const char *host, char *buf, size_t size);
/* At most ADDR_MAX of them, in the resolver's order; may wait for a name server. "localhost" needs none, and no /etc/hosts either (RFC 6761).
 * Returns how many, or -EADDRNOTAVAIL: why, if not NULL, says it. */
int addr_find(const char *host, unsigned port, struct addr ret[static ADDR_MAX], const char **why);

#endif
