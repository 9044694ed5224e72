/* tests/bench/bare_copy.c read|splice FOLDER N - the floor of log capture: one loop that copies
 * FOLDER/0.fifo ... to FOLDER/0.log ..., each renamed and begun anew at 64 MiB, until its input is
 * closed and every FIFO is empty. No index, no line ends, and bytes are lost if it is killed. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROTATE (64ll << 20)
#define BUFFER (1u << 20)

struct way {
	int fifo, file;
	long long size;
	unsigned rotated;
};

static const char *folder;
static char buf[BUFFER];

static int open_log(unsigned i)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%u.log", folder, i);
	return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

static void rotate(struct way *w, unsigned i)
{
	char from[512], to[512];

	(void)snprintf(from, sizeof(from), "%s/%u.log", folder, i);
	(void)snprintf(to, sizeof(to), "%s/%u.log.%u", folder, i, ++w->rotated);
	(void)rename(from, to);
	(void)close(w->file);
	w->file = open_log(i);
	w->size = 0;
}

static bool copy(struct way *w, unsigned i, bool splicing)
{
	ssize_t n = splicing
		? splice(w->fifo, NULL, w->file, NULL, BUFFER, SPLICE_F_NONBLOCK | SPLICE_F_MOVE)
		: read(w->fifo, buf, sizeof(buf));

	if (n <= 0)
		return false;
	if (!splicing && write(w->file, buf, (size_t)n) != n)
		exit(1);
	w->size += n;
	if (w->size >= ROTATE)
		rotate(w, i);
	return true;
}

int main(int argc, char **argv)
{
	unsigned n = argc == 4 ? (unsigned)atoi(argv[3]) : 0;
	struct pollfd *p = calloc(n + 1, sizeof(*p));
	struct way *w = calloc(n + 1, sizeof(*w));
	bool splicing = argc == 4 && strcmp(argv[1], "splice") == 0, end = false;
	char path[512];

	if (!n || !p || !w)
		exit(2);
	folder = argv[2];
	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "%s/%u.fifo", folder, i);
		w[i].fifo = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		w[i].file = open_log(i);
		p[i] = (struct pollfd){ .fd = w[i].fifo, .events = POLLIN };
	}
	p[n] = (struct pollfd){ .fd = 0, .events = POLLIN };
	for (bool any = true; any || !end;) {
		if (poll(p, n + 1, end ? 0 : -1) < 0)
			exit(1);
		any = false;
		for (unsigned i = 0; i < n; i++)
			if (p[i].revents & POLLIN)
				any |= copy(&w[i], i, splicing);
		end |= p[n].revents != 0;
	}
	free(p);
	free(w);
	return 0;
}
