/*
 * tests/fuzz/oddfolder.h - a folder with entries of any names and kinds, for the fuzz targets of
 * what goes through the folders of a home. The input is the names, parted by slashes, which no name
 * can hold; the kind follows from the place.
 */
#ifndef TESTS_FUZZ_ODDFOLDER_H
#define TESTS_FUZZ_ODDFOLDER_H

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

#define ODD_MAX 64

struct oddentry {
	char name[NAME_MAX + 1];
	bool folder;
};

struct oddfolder {
	char path[64];
	int fd;
	struct oddentry e[ODD_MAX];
	size_t n;
};

static inline bool oddfolder_put(int fd, const char *name, size_t kind)
{
	switch (kind % 5) {
	case 0:
		return close(openat(fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) == 0;
	case 1:
		return mkdirat(fd, name, 0700) == 0;
	case 2:
		return mkfifoat(fd, name, 0600) == 0;
	case 3:
		return symlinkat("nowhere", fd, name) == 0;
	default:
		return mknodat(fd, name, S_IFSOCK | 0600, 0) == 0;
	}
}

static inline void oddfolder_fill(struct oddfolder *d, const uint8_t *data, size_t size)
{
	for (size_t at = 0; at < size && d->n < ODD_MAX;) {
		struct oddentry *e = &d->e[d->n];
		size_t kind = d->n + size, len = 0;

		while (at < size && data[at] != '/' && data[at] != 0) {
			if (len < NAME_MAX)
				e->name[len++] = (char)data[at];
			at++;
		}
		at++;
		e->name[len] = 0;
		e->folder = kind % 5 == 1;
		d->n += oddfolder_put(d->fd, e->name, kind);
	}
}

static inline void oddfolder_make(struct oddfolder *d, const uint8_t *data, size_t size)
{
	*d = (struct oddfolder){ .path = "/dev/shm/fuzz-tend-XXXXXX" };
	MUST(mkdtemp(d->path));
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	MUST(d->fd >= 0);
	oddfolder_fill(d, data, size);
}

/* What was read may have gone already; nothing else may be there. */
static inline void oddfolder_remove(struct oddfolder *d)
{
	for (size_t i = 0; i < d->n; i++)
		(void)unlinkat(d->fd, d->e[i].name, d->e[i].folder ? AT_REMOVEDIR : 0);
	close(d->fd);
	MUST(rmdir(d->path) == 0);
}

#endif
