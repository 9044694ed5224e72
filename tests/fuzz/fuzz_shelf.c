/* links: logger/shelfload.c logger/shelfmove.c logger/tidx.c logger/job.c */
/*
 * tests/fuzz/fuzz_shelf.c - what a logger finds in its folder when it begins, among entries of any
 * names and kinds: it may finish or undo what a rotation or an archive of its own left half-done,
 * and touches no other name.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <string.h>

#include "logger/logger.h"
#include "tests/fuzz/oddfolder.h"

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
	oddfolder_remove(&d);
	return 0;
}
