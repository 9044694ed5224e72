/* links: logger/shelfload.c logger/shelfmove.c logger/tidx.c logger/job.c */
/*
 * tests/fuzz/fuzz_shelf.c - what a logger finds in its folder when it begins, among entries of any
 * names and kinds: it may finish or undo what a rotation or an archive of its own left half-done,
 * and touches no other name.
 */
#define _GNU_SOURCE 1
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "logger/logger.h"
#include "tests/fuzz/oddfolder.h"

/* Files with the last numbers there are have got others; but no other name may be new. */
static void remove_own(int fd)
{
	DIR *dir = fdopendir(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	const struct dirent *e;

	MUST(dir != NULL);
	while ((e = readdir(dir)))
		if (strncmp(e->d_name, "a.log.", 6) == 0 && unlinkat(fd, e->d_name, 0) < 0)
			MUST(unlinkat(fd, e->d_name, AT_REMOVEDIR) == 0);
	closedir(dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct logger lg;
	struct shelf sh = { .lg = &lg, .base = "a.log" };
	struct oddfolder d;
	struct catalog c;
	struct stat st;
	uint64_t marked;

	oddfolder_make(&d, data, size);
	lg.home.logs_fd = d.fd;
	MUST(catalog_read(d.fd, &c) == 0 && c.n <= d.n);
	shelf_load(&sh, &c, &marked);
	for (uint32_t i = 1; i < sh.n; i++)
		MUST(sh.files[i - 1].number < sh.files[i].number);
	for (size_t i = 0; i < d.n; i++)
		MUST(strncmp(d.e[i].name, "a.log.", 6) == 0 ||
			fstatat(d.fd, d.e[i].name, &st, AT_SYMLINK_NOFOLLOW) == 0);
	free(sh.files);
	catalog_free(&c);
	remove_own(d.fd);
	oddfolder_remove(&d);
	return 0;
}
