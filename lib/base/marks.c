/* base/marks.c - see base/marks.h. */
#define _GNU_SOURCE 1
#include "base/marks.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"

#define ENV_BYTES_FIRST (64u << 10)
/* the kernel's limit for arguments and environment is about 2 MB */
#define ENV_BYTES_MAX (4u << 20)

/* The first value of each counts, as for getenv(). */
static void take(const char *entry, const char *key, const char **ret)
{
	size_t len = strlen(key);

	if (!*ret && strncmp(entry, key, len) == 0)
		*ret = entry + len;
}

/* All of a file that may be large, NUL-terminated; *text is the caller's in any case. The length,
 * or -errno. */
static ssize_t read_all(int fd, char **text)
{
	size_t len = 0, cap = ENV_BYTES_FIRST;
	ssize_t n;

	*text = malloc(cap + 1);
	while (*text && (n = read(fd, *text + len, cap - len)) != 0) {
		if (n < 0)
			return -errno;
		len += (size_t)n;
		if (len == cap && cap < ENV_BYTES_MAX) {
			char *more = realloc(*text, 2 * cap + 1);

			if (!more)
				return -ENOMEM;
			*text = more;
			cap *= 2;
		}
	}
	if (!*text)
		return -ENOMEM;
	(*text)[len] = 0;
	return (ssize_t)len;
}

int marks_read(int proc_fd, struct marks *ret)
{
	struct marks m = { .text = NULL };
	int fd = io_open(proc_fd, "environ", O_RDONLY, 0);
	ssize_t len = fd < 0 ? fd : read_all(fd, &m.text);

	io_close(&fd);
	if (io_is_shortage((int)len)) {
		marks_done(&m);
		return (int)len;
	}
	for (const char *e = m.text; len > 0 && e < m.text + len; e += strlen(e) + 1) {
		take(e, "TEND_HOME=", &m.home);
		take(e, "TEND_NAME=", &m.name);
		take(e, "TEND_INSTANCE=", &m.instance);
	}
	*ret = m;
	return 0;
}

void marks_done(struct marks *m)
{
	free(m->text);
	*m = (struct marks){ .text = NULL };
}

static int visit_one(int proc, const char *name,
	int (*visit)(void *arg, int proc_fd, pid_t pid, const struct marks *m), void *arg)
{
	int r, fd = io_open(proc, name, O_RDONLY | O_DIRECTORY, 0);
	struct marks m;

	if (fd < 0)
		return io_is_shortage(fd) ? fd : 0; /* else it is gone */
	r = marks_read(fd, &m);
	if (r == 0) {
		r = visit(arg, fd, (pid_t)atoi(name), &m);
		marks_done(&m);
	}
	io_close(&fd);
	return r;
}

int marks_each(int (*visit)(void *arg, int proc_fd, pid_t pid, const struct marks *m), void *arg)
{
	DIR *proc = opendir("/proc");
	const struct dirent *e;
	int r = 0;

	if (!proc)
		return -errno;
	while (r == 0 && (e = readdir(proc)))
		if (isdigit((unsigned char)e->d_name[0]) && atoi(e->d_name) != getpid())
			r = visit_one(dirfd(proc), e->d_name, visit, arg);
	closedir(proc);
	return r;
}
