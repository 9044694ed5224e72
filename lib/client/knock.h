/*
 * client/knock.h - does a registry answer at an address? One GET /health over a socket, with a
 * deadline for all of it.
 */
#ifndef CLIENT_KNOCK_H
#define CLIENT_KNOCK_H

/* > 0: the status of the answer. 0: something listens there, but what it says is no HTTP, or
 * nothing in time. -ECONNREFUSED: nobody listens; or another error of connecting; -EADDRNOTAVAIL:
 * there is no such host. */
int knock(const char *host, unsigned port, unsigned timeout_ms);

#endif
