/* base/tcptable.c - see base/tcptable.h. */
#include "base/tcptable.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"

#define TABLE_MAX (16u << 20) /* some 100,000 connections */
#define LISTENS	  0x0au

static bool read_address(const char *hex, struct tcp_listener *ret)
{
	uint32_t *w = ret->w;

	ret->v6 = strlen(hex) == 32;
	if (ret->v6)
		return sscanf(hex, "%8" SCNx32 "%8" SCNx32 "%8" SCNx32 "%8" SCNx32, &w[0], &w[1],
			       &w[2], &w[3]) == 4;
	w[0] = w[1] = 0;
	w[2] = htonl(0xffff);
	return strlen(hex) == 8 && sscanf(hex, "%8" SCNx32, &w[3]) == 1;
}

static bool read_line(const char *line, struct tcp_listener *ret)
{
	char hex[33];
	unsigned state;

	return sscanf(line, " %*d: %32[0-9A-F]:%4x %*[0-9A-F]:%*x %x %*s %*s %*s %u %*d %" SCNu64,
		       hex, &ret->port, &state, &ret->uid, &ret->inode) == 5 &&
		state == LISTENS && read_address(hex, ret);
}

bool tcptable_next(const char **at, struct tcp_listener *ret)
{
	bool found = false;

	while (!found && **at) {
		found = read_line(*at, ret);
		*at += strcspn(*at, "\n");
		*at += **at == '\n';
	}
	return found;
}

char *tcptable_read(bool v6)
{
	char *text = NULL;

	return io_read_file(AT_FDCWD, v6 ? "/proc/self/net/tcp6" : "/proc/self/net/tcp", TABLE_MAX,
		       &text, NULL) < 0
		? NULL
		: text;
}
