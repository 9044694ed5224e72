/*
 * base/addr.h - where a host is: a name or an address, IPv6 with or without brackets, to socket
 * addresses.
 */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <stdbool.h>
#include <sys/socket.h>

#define ADDR_MAX 8u

struct addr {
	struct sockaddr_storage sa;
	socklen_t len;
};

/* Without its brackets. */
void addr_bare(const char *host, char *buf, size_t size);
/* At most ADDR_MAX of them, in the resolver's order; may wait for a name server. "localhost" needs
 * none, and no /etc/hosts either (RFC 6761). Returns how many, or -EADDRNOTAVAIL: why, if not NULL,
 * says it. */
int addr_find(const char *host, unsigned port, struct addr ret[static ADDR_MAX], const char **why);

/* Listen on all of them that there are, so that whoever looks for the host finds us at each, and
 * nobody else. Only an address or a whole family that this machine has not (EADDRNOTAVAIL,
 * EAFNOSUPPORT) is left out; whatever else is wrong with one fails for all (-EADDRINUSE). A port 0
 * becomes the same one for all. Returns how many sockets there are in ret_fd, non-blocking and
 * close-on-exec; -EADDRNOTAVAIL if none. */
int addr_listen(const struct addr *at, int n, int ret_fd[static ADDR_MAX]);
bool addr_is_loopback(const struct addr *at);
/* The same address, whatever the ports. */
bool addr_same_host(const struct addr *a, const struct addr *b);
unsigned addr_port(const struct addr *at);
/* "127.0.0.1:8080" or "[::1]:8080". */
void addr_show(const struct addr *at, char *buf, size_t size);

#endif
