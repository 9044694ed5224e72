/* logger/shelfmove.c - the current file gets a number (logger/shelf.h). */
#define _GNU_SOURCE 1
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/say.h"
#include "logger/shelf.h"
#include "logger/logger.h"
#include "logread/format.h"

uint64_t shelf_last_real_ns(int dirfd, const char *idx, const struct stat *log)
{
	uint64_t last = tidx_last(dirfd, idx, (uint64_t)log->st_ino);

	return last ? last
		    : (uint64_t)log->st_mtim.tv_sec * NS_PER_SEC + (uint64_t)log->st_mtim.tv_nsec;
}

/* All that has the number, one name after the other: what a death leaves of this, shelf_load()
 * takes for two files. */
static int rename_all(const struct shelf *sh, uint32_t from, uint32_t to)
{
	static const char *const suffixes[] = { ".idx", "", ".lz4", ".del" };
	char old[LOG_NAME_MAX], new[LOG_NAME_MAX];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		int r = io_rename_new(sh->lg->home.logs_fd,
			log_file_name(sh->base, from, suffixes[i], old),
			log_file_name(sh->base, to, suffixes[i], new));

		if (r && r != -ENOENT)
			return r;
	}
	return 0;
}

/*
 * Numbers are used up: not by us, at one a second that takes 31 years, but somebody made files with
 * the last ones. They are renamed to come next behind the others, so that what follows has numbers
 * above theirs. Not while one of them is archived: -EBUSY.
 */
int shelf_renumber(struct shelf *sh)
{
	size_t first = sh->n;
	uint32_t last;
	int r = 0;

	if (sh->last_number < LOG_NUMBER_MAX)
		return 0;
	while (first > 0 && sh->files[first - 1].number == LOG_NUMBER_MAX - (sh->n - first)) {
		if (sh->files[first - 1].busy)
			return -EBUSY;
		first--;
	}
	last = first ? sh->files[first - 1].number : 0;
	if (last + 1 > LOG_NUMBER_MAX - (sh->n - first))
		return -EOVERFLOW;
	for (size_t i = first; !r && i < sh->n; i++) {
		say(SAY_WARNING,
			"logs/%s.%09u, which has one of the last numbers there are, gets the number %u",
			sh->base, sh->files[i].number, last + 1);
		r = rename_all(sh, sh->files[i].number, last + 1);
		if (!r)
			sh->files[i].number = ++last;
	}
	if (!r)
		sh->last_number = last;
	return r;
}

int shelf_rotate(struct shelf *sh, int log_fd, uint32_t *ret_number)
{
	int r, dirfd = sh->lg->home.logs_fd;
	char from[LOG_NAME_MAX], to[LOG_NAME_MAX];
	struct shelf_file *f;
	struct stat sb;

	r = shelf_renumber(sh);
	if (r)
		return r;
	if (fstat(log_fd, &sb) < 0)
		return -errno;
	f = shelf_add(sh, sh->last_number + 1);
	if (!f)
		return -ENOMEM;
	*ret_number = f->number;
	r = io_rename_new(dirfd, sh->base, log_file_name(sh->base, f->number, "", to));
	if (r) {
		sh->n--;
		if (r != -EEXIST) /* else somebody made a file of this name: take the next one */
			sh->last_number--;
		return r;
	}
	(void)snprintf(from, sizeof(from), "%.80s.idx", sh->base);
	f->last_real_ns = shelf_last_real_ns(dirfd, from, &sb);
	(void)renameat(dirfd, from, dirfd, log_file_name(sh->base, f->number, ".idx", to));
	f->raw_bytes = f->file_bytes = (uint64_t)sb.st_size;
	sh->rotated_bytes += f->raw_bytes;
	return 0;
}
