/* client/portowner.c - see client/portowner.h. */
#include "client/portowner.h"

#include <errno.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/tcptable.h"

#define NAMES_MAX 1024u

static void words_of(const struct addr *at, struct tcp_listener *ret)
{
	*ret = (struct tcp_listener){ .v6 = at->sa.ss_family == AF_INET6, .port = addr_port(at) };
	if (ret->v6) {
		memcpy(ret->w, &((const struct sockaddr_in6 *)(const void *)&at->sa)->sin6_addr,
			sizeof(ret->w));
	} else {
		ret->w[2] = htonl(0xffff);
		ret->w[3] = ((const struct sockaddr_in *)(const void *)&at->sa)->sin_addr.s_addr;
	}
}

/* Does a socket that listens there get what comes for at? One at all addresses of IPv6 may get
 * IPv4, too: where nobody is nearer, it does. */
static bool reaches(const struct tcp_listener *there, const struct tcp_listener *at)
{
	bool any = !there->w[0] && !there->w[1] && !there->w[3] &&
		(there->v6 ? !there->w[2] || there->w[2] == htonl(0xffff) : true);

	return any ? there->v6 || !at->v6 : memcmp(there->w, at->w, sizeof(at->w)) == 0;
}

bool portowner_scan(const char *text, const struct addr *at, uid_t *ret)
{
	struct tcp_listener want, there;
	bool found = false;

	words_of(at, &want);
	while (tcptable_next(&text, &there)) {
		if (there.port != want.port || !reaches(&there, &want))
			continue;
		*ret = there.uid;
		if (memcmp(there.w, want.w, sizeof(want.w)) == 0)
			return true; /* the nearest */
		found = true;
	}
	return found;
}

static bool scan_table(bool v6, const struct addr *at, uid_t *ret)
{
	char *text = tcptable_read(v6);
	bool found = text && portowner_scan(text, at, ret);

	free(text);
	return found;
}

bool portowner_find(const struct addr *at, uid_t *ret)
{
	if (at->sa.ss_family != AF_INET && at->sa.ss_family != AF_INET6)
		return false;
	if (at->sa.ss_family == AF_INET && scan_table(false, at, ret))
		return true;
	return scan_table(true, at, ret);
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
