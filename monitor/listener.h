/*
 * monitor/listener.h - does a process, or one below it, listen at a TCP port of this machine?
 *
 * Asked before anything is probed whose port somebody else has named: whatever a registry says,
 * only what the process itself serves counts. By /proc/PID/fd and /proc/net/tcp; what another's
 * process listens on is nobody's here, and neither is what can't be looked at.
 */
#ifndef MONITOR_LISTENER_H
#define MONITOR_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LISTENER_TEXT 48u

struct listener_set { /* sockets, by their inodes; free(s->inode) */
	uint64_t *inode;
	size_t n, cap;
};

struct listener {		  /* what was found */
	bool listens;		  /* at the port, where loopback reaches it */
	bool alone;		  /* and at no other port */
	char host[LISTENER_TEXT]; /* the address of loopback that reaches it; IPv6 in brackets */
};

/* Whoever belongs to the tree of root, in our network namespace. -ENOMEM. */
int listener_find(pid_t root, unsigned port, struct listener *ret);

/* Pure: go through the text of /proc/net/tcp (or tcp6) and enter what those sockets listen to. */
void listener_scan(
	const char *text, const struct listener_set *sockets, unsigned port, struct listener *ret);
/* The port of a http:// or https:// address; 0 if it has none that can be used. */
unsigned listener_port(const char *url);

#endif
