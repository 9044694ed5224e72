/* tests/bench/bare_http.c - the floor under tend-registry: answers each request with "200 OK" and
 * an empty object, keeps nothing, looks at nothing. Prints its port. */
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEERS_MAX 1024

static struct peer {
	char text[8192];
	size_t n;
} peers[PEERS_MAX];

/* One whole request at the front? Its size. */
static size_t whole(struct peer *p)
{
	char *end, *length;
	size_t body = 0;

	p->text[p->n] = 0;
	end = strstr(p->text, "\r\n\r\n");
	if (!end)
		return 0;
	length = strcasestr(p->text, "content-length:");
	if (length && length < end)
		body = strtoul(length + 15, NULL, 10);
	body += (size_t)(end + 4 - p->text);
	return p->n >= body ? body : 0;
}

static void serve(int fd)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
			  bare[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	struct peer *p = &peers[fd];
	ssize_t n = recv(fd, p->text + p->n, sizeof(p->text) - 1 - p->n, MSG_DONTWAIT);
	size_t used;

	if (n <= 0) {
		close(fd);
		p->n = 0;
		return;
	}
	p->n += (size_t)n;
	while ((used = whole(p)) > 0) {
		bool head = strncmp(p->text, "HEAD", 4) == 0;

		(void)send(fd, head ? bare : answer, head ? sizeof(bare) - 1 : sizeof(answer) - 1,
			MSG_NOSIGNAL);
		memmove(p->text, p->text + used, p->n - used);
		p->n -= used;
	}
}

int main(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int server = socket(AF_INET, SOCK_STREAM, 0), epoll_fd = epoll_create1(0);
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = server }, got[64];

	if (server < 0 || bind(server, (struct sockaddr *)&sa, len) < 0 ||
		listen(server, 256) < 0 || getsockname(server, (struct sockaddr *)&sa, &len) < 0 ||
		epoll_ctl(epoll_fd, EPOLL_CTL_ADD, server, &ev) < 0)
		return 1;
	printf("%u\n", ntohs(sa.sin_port));
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(epoll_fd, got, 64, -1);

		for (int i = 0; i < n; i++) {
			int fd = got[i].data.fd;

			if (fd != server) {
				serve(fd);
				continue;
			}
			fd = accept(server, NULL, NULL);
			if (fd < 0 || fd >= PEERS_MAX)
				return 1;
			ev = (struct epoll_event){ .events = EPOLLIN, .data.fd = fd };
			(void)epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev);
		}
	}
}
