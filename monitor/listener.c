/* monitor/listener.c - see monitor/listener.h. */
#define _GNU_SOURCE 1
#include "monitor/listener.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/procfs.h"
#include "base/str.h"
#include "base/tcptable.h"

unsigned listener_port(const char *url)
{
	bool secure = strncmp(url, "https://", 8) == 0;
	const char *at = url + (secure ? 8 : 7), *end, *colon;
	char digits[8] = "";
	int64_t port = 0;

	if (!secure && strncmp(url, "http://", 7) != 0)
		return 0;
	end = at + strcspn(at, "/?#");
	colon = memrchr(at, ':', (size_t)(end - at));
	/* an IPv6 address without a port */
	if (!colon || memchr(colon, ']', (size_t)(end - colon)))
		return secure ? 443 : 80;
	if ((size_t)(end - colon - 1) >= sizeof(digits))
		return 0;
	memcpy(digits, colon + 1, (size_t)(end - colon - 1));
	return str_int(digits, 1, 65535, &port) == 0 ? (unsigned)port : 0;
}

/* --- the table of the kernel --- */

static bool has(const struct listener_set *s, uint64_t inode)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->inode[i] == inode)
			return true;
	return false;
}

/* The address by which loopback reaches it: itself if it is of loopback, else that of its family if
 * it listens at all addresses. */
static bool reachable(const struct tcp_listener *l, char host[static LISTENER_TEXT])
{
	const uint32_t *w = l->w;
	char text[INET6_ADDRSTRLEN];

	if (!l->v6 && !w[3])
		return str_copy(host, LISTENER_TEXT, "127.0.0.1");
	if (l->v6 && !w[0] && !w[1] && !w[2] && (!w[3] || w[3] == htonl(1)))
		return str_copy(host, LISTENER_TEXT, "[::1]");
	/* else of IPv4, also in an IPv6 socket */
	if (w[0] || w[1] || w[2] != htonl(0xffff) || ntohl(w[3]) >> 24 != 127 ||
		!inet_ntop(AF_INET, &w[3], text, sizeof(text)))
		return false;
	return str_copy(host, LISTENER_TEXT, text);
}

void listener_scan(
	const char *text, const struct listener_set *sockets, unsigned port, struct listener *ret)
{
	struct tcp_listener l;
	char host[LISTENER_TEXT];

	while (tcptable_next(&text, &l)) {
		if (!has(sockets, l.inode))
			continue;
		if (l.port != port)
			ret->alone = false;
		else if (!ret->listens && reachable(&l, host)) {
			ret->listens = true;
			memcpy(ret->host, host, sizeof(host));
		}
	}
}

static void scan_table(bool v6, const struct listener_set *s, unsigned port, struct listener *ret)
{
	char *text = tcptable_read(v6);

	if (text)
		listener_scan(text, s, port, ret);
	free(text);
}

/* --- whose sockets --- */

static int add(struct listener_set *s, uint64_t inode)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 32;
		uint64_t *more = reallocarray(s->inode, cap, sizeof(*more));

		if (!more)
			return -ENOMEM;
		s->inode = more;
		s->cap = cap;
	}
	s->inode[s->n++] = inode;
	return 0;
}

static int add_sockets(int proc_fd, struct listener_set *s)
{
	int fd = openat(proc_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		io_close(&fd);
		return 0;
	}
	while (r == 0 && (e = readdir(d))) {
		char target[64];
		ssize_t n = readlinkat(dirfd(d), e->d_name, target, sizeof(target) - 1);
		uint64_t inode;

		if (n <= 0)
			continue;
		target[n] = 0;
		if (sscanf(target, "socket:[%" SCNu64 "]", &inode) == 1)
			r = add(s, inode);
	}
	(void)closedir(d);
	return r;
}

/* What listens in another network can't be reached from here; what does there is not the
 * process. */
static bool shares_network(int proc_fd)
{
	struct stat own, its;

	return stat("/proc/self/ns/net", &own) == 0 && fstatat(proc_fd, "ns/net", &its, 0) == 0 &&
		own.st_ino == its.st_ino && own.st_dev == its.st_dev;
}

static int add_process(pid_t pid, struct listener_set *s)
{
	char path[32];
	int fd, r = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && shares_network(fd))
		r = add_sockets(fd, s);
	io_close(&fd);
	return r;
}

int listener_find(pid_t root, unsigned port, struct listener *ret)
{
	struct listener_set s = { 0 };
	struct pidvec tree = { 0 };
	int r = procfs_descendants(root, &tree);

	*ret = (struct listener){ .alone = true };
	for (size_t i = 0; r == 0 && i < tree.n; i++)
		r = add_process(tree.pid[i], &s);
	if (r == 0 && s.n) {
		scan_table(false, &s, port, ret);
		scan_table(true, &s, port, ret);
	}
	ret->alone = ret->alone && ret->listens;
	free(tree.pid);
	free(s.inode);
	return r;
}
