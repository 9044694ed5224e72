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

#define TCP_LISTEN_STATE 0x0au
#define TABLE_MAX	 (16u << 20) /* some 100,000 connections */

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
 * it listens at all addresses. The kernel prints words of 32 bits as they lie in memory. */
static bool reachable(const char *hex, bool six, char host[static LISTENER_TEXT])
{
	char text[INET6_ADDRSTRLEN];
	uint32_t w[4] = { 0 };

	if (six &&
		sscanf(hex, "%8" SCNx32 "%8" SCNx32 "%8" SCNx32 "%8" SCNx32, &w[0], &w[1], &w[2],
			&w[3]) != 4)
		return false;
	if (!six && sscanf(hex, "%8" SCNx32, &w[0]) != 1)
		return false;
	if (!w[0] && !w[1] && !w[2] && (!w[3] || w[3] == htonl(1)))
		return str_copy(host, LISTENER_TEXT, six ? "[::1]" : "127.0.0.1");
	if (six && !w[0] && !w[1] && w[2] == htonl(0xffff)) /* an IPv4 address in an IPv6 socket */
		w[0] = w[3];
	else if (six)
		return false;
	if (ntohl(w[0]) >> 24 != 127 || !inet_ntop(AF_INET, &w[0], text, sizeof(text)))
		return false;
	return str_copy(host, LISTENER_TEXT, text);
}

void listener_scan(const char *text, bool six, const struct listener_set *sockets, unsigned port,
	struct listener *ret)
{
	for (const char *line = text; line;
		line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		char address[33], host[LISTENER_TEXT];
		unsigned at, state;
		uint64_t inode;

		if (sscanf(line,
			    " %*d: %32[0-9A-F]:%4x %*[0-9A-F]:%*x %x %*s %*s %*s %*u %*d %" SCNu64,
			    address, &at, &state, &inode) != 4)
			continue;
		if (state != TCP_LISTEN_STATE || !has(sockets, inode))
			continue;
		if (at != port)
			ret->alone = false;
		else if (!ret->listens && reachable(address, six, host)) {
			ret->listens = true;
			memcpy(ret->host, host, sizeof(host));
		}
	}
}

static void scan_file(const char *path, bool six, const struct listener_set *s, unsigned port,
	struct listener *ret)
{
	char *text = NULL;
	size_t len;

	if (io_read_file(AT_FDCWD, path, TABLE_MAX, &text, &len) == 0)
		listener_scan(text, six, s, port, ret);
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
		scan_file("/proc/self/net/tcp", false, &s, port, ret);
		scan_file("/proc/self/net/tcp6", true, &s, port, ret);
	}
	ret->alone = ret->alone && ret->listens;
	free(tree.pid);
	free(s.inode);
	return r;
}
