/*
 * base/tcptable.h - the sockets that listen, as the kernel lists them in /proc/net/tcp and tcp6.
 */
#ifndef BASE_TCPTABLE_H
#define BASE_TCPTABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct tcp_listener {
	/* The address: words of 32 bits as they lie in memory. An IPv4 address is the last one,
	 * behind the prefix that IPv6 sockets show it with. */
	uint32_t w[4];
	bool v6; /* the socket's family */
	unsigned port;
	uid_t uid;
	uint64_t inode;
};

/* The text of the table, to be freed, or NULL: it can't be read, or is of an absurd size. */
char *tcptable_read(bool v6);
/* Pure: the next line of a socket that listens, from *at on, which moves behind it; what is no such
 * line is passed over. False: there is none. */
bool tcptable_next(const char **at, struct tcp_listener *ret);

#endif
