/* cli/portowner.c - see cli/portowner.h. */
#include "cli/portowner.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"

#define TABLE_MAX (16u << 20) /* some 100,000 connections */
#define LISTENS	  0x0au
#define NAMES_MAX 1024u

/* An address as the kernel prints it: words of 32 bits as they lie in memory. An IPv4 address has
 * one, behind the prefix that IPv6 sockets show it with. */
struct words {
	uint32_t w[4];
	bool v6;
};

static struct words words_of(const struct addr *at)
{
	struct words v = { .v6 = at->sa.ss_family == AF_INET6 };

	if (v.v6) {
		memcpy(v.w, &((const struct sockaddr_in6 *)(const void *)&at->sa)->sin6_addr,
			sizeof(v.w));
	} else {
		v.w[2] = htonl(0xffff);
		v.w[3] = ((const struct sockaddr_in *)(const void *)&at->sa)->sin_addr.s_addr;
	}
	return v;
}

static bool read_words(const char *hex, struct words *ret)
{
	ret->v6 = strlen(hex) == 32;
	if (ret->v6)
		return sscanf(hex, "%8" SCNx32 "%8" SCNx32 "%8" SCNx32 "%8" SCNx32, &ret->w[0],
			       &ret->w[1], &ret->w[2], &ret->w[3]) == 4;
	ret->w[0] = ret->w[1] = 0;
	ret->w[2] = htonl(0xffff);
	return strlen(hex) == 8 && sscanf(hex, "%8" SCNx32, &ret->w[3]) == 1;
}

/* Does a socket that listens there get what comes for at? One at all addresses of IPv6 may get
 * IPv4, too: where nobody is nearer, it does. */
static bool reaches(const struct words *there, const struct words *at)
{
	bool any = !there->w[0] && !there->w[1] && !there->w[3] &&
		(there->v6 ? !there->w[2] || there->w[2] == htonl(0xffff) : true);

	return any ? there->v6 || !at->v6 : memcmp(there->w, at->w, sizeof(at->w)) == 0;
}

bool portowner_scan(const char *text, const struct addr *at, uid_t *ret)
{
	const struct words want = words_of(at);
	bool found = false;

	for (const char *line = text; line;
		line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		char hex[33];
		unsigned port, state, uid;
		struct words there;

		if (sscanf(line, " %*d: %32[0-9A-F]:%4x %*[0-9A-F]:%*x %x %*s %*s %*s %u", hex,
			    &port, &state, &uid) != 4 ||
			state != LISTENS || port != addr_port(at) || !read_words(hex, &there) ||
			!reaches(&there, &want))
			continue;
		*ret = uid;
		if (memcmp(there.w, want.w, sizeof(want.w)) == 0)
			return true; /* the nearest */
		found = true;
	}
	return found;
}

static bool scan_file(const char *path, const struct addr *at, uid_t *ret)
{
	char *text = NULL;
	bool found = io_read_file(AT_FDCWD, path, TABLE_MAX, &text, NULL) == 0 &&
		portowner_scan(text, at, ret);

	free(text);
	return found;
}

bool portowner_find(const struct addr *at, uid_t *ret)
{
	if (at->sa.ss_family != AF_INET && at->sa.ss_family != AF_INET6)
		return false;
	if (at->sa.ss_family == AF_INET && scan_file("/proc/self/net/tcp", at, ret))
		return true;
	return scan_file("/proc/self/net/tcp6", at, ret);
}

bool portowner_foreign(const char *host, unsigned port, uid_t *ret)
{
	struct addr at[ADDR_MAX];
	int n = addr_find(host, port, at, NULL);
	uid_t uid;

	for (int i = 0; i < n; i++)
		if (portowner_find(&at[i], &uid) && uid != geteuid()) {
			*ret = uid;
			return true;
		}
	return false;
}

int portowner_try(const char *host, unsigned port)
{
	struct addr at[ADDR_MAX];
	int fd[ADDR_MAX], n = addr_find(host, port, at, NULL);

	n = n < 0 ? n : addr_listen(at, n, fd);
	for (int i = 0; i < n; i++)
		close(fd[i]);
	return n < 0 ? n : 0;
}

/* Is there such an address, although nobody of us listens there? Then anybody else may. */
static bool is_open_to_others(const struct addr *at)
{
	int fd[ADDR_MAX], n = addr_listen(at, 1, fd);

	if (n == 1)
		close(fd[0]);
	return n == 1 || n == -EADDRINUSE;
}

bool portowner_part(const char *host, unsigned port, char *buf, size_t size)
{
	struct addr at[ADDR_MAX];
	const struct addr *bound = NULL;
	bool all = true;
	int n = addr_find(host, port, at, NULL);
	uid_t uid;

	for (int i = 0; i < n; i++) {
		bool ours = portowner_find(&at[i], &uid) && uid == geteuid();

		if (ours && !bound)
			bound = &at[i];
		all = all && (ours || !is_open_to_others(&at[i]));
	}
	if (!bound || all)
		return false;
	addr_show(bound, buf, size);
	*strrchr(buf, ':') = 0;
	return true;
}

const char *portowner_name(uid_t uid, char *buf, size_t size)
{
	char names[NAMES_MAX];
	struct passwd pw, *found = NULL;

	if (getpwuid_r(uid, &pw, names, sizeof(names), &found) == 0 && found)
		snprintf(buf, size, "%s (uid %u)", found->pw_name, (unsigned)uid);
	else
		snprintf(buf, size, "uid %u", (unsigned)uid);
	return buf;
}
