/*
 * client/portowner.h - whose program listens at a port of this machine, and at which addresses? By
 * /proc/net/tcp, which names the user of every socket.
 */
#ifndef CLIENT_PORTOWNER_H
#define CLIENT_PORTOWNER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/addr.h"

/* The user whose socket listens at this very address, or at all addresses of its family, with its
 * port. False: nobody there, or it can't be looked at. */
bool portowner_find(const struct addr *at, uid_t *ret);
/* The same, for the first address of a host at which somebody else listens. */
bool portowner_foreign(const char *host, unsigned port, uid_t *ret);
/* May one listen at all addresses of the host, on this port? 0, or why not: -EADDRINUSE, ... */
int portowner_try(const char *host, unsigned port);
/* A program of ours listens at some of the host's addresses only, though there are others: by the
 * host's name somebody else could be found at those. The first address that is ours, IPv6 in
 * brackets. False: it listens at all that there are, or nowhere that can be seen. */
bool portowner_part(const char *host, unsigned port, char *buf, size_t size);
/* "bob (uid 1000)". */
const char *portowner_name(uid_t uid, char *buf, size_t size);

/* PURE: the same in a text of the kernel's. */
bool portowner_scan(const char *text, const struct addr *at, uid_t *ret);

#endif
