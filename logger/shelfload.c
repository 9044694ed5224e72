/* logger/shelfload.c - what lies in the log folder when a logger begins (logger/shelf.h). */
#define _GNU_SOURCE 1
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/say.h"
#include "logger/shelf.h"
#include "logger/logger.h"
#include "logread/format.h"

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int catalog_read(int dirfd, struct catalog *ret)
{
	int fd = io_open(dirfd, ".", O_RDONLY | O_DIRECTORY, 0);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	size_t room = 0;
	int r = 0;

	memset(ret, 0, sizeof(*ret));
	if (!dir) {
		r = fd < 0 ? fd : -ENOMEM;
		io_close(&fd);
		return r;
	}
	while (!r && (e = readdir(dir))) {
		if (e->d_name[0] == '.' || strlen(e->d_name) >= LOG_NAME_MAX)
			continue;
		if (ret->n == room) {
			char **more = reallocarray(ret->names, room ? room * 2 : 64, sizeof(*more));

			if (!more) {
				r = -ENOMEM;
				break;
			}
			ret->names = more;
			room = room ? room * 2 : 64;
		}
		ret->names[ret->n] = strdup(e->d_name);
		r = ret->names[ret->n] ? 0 : -ENOMEM;
		ret->n += r == 0;
	}
	(void)closedir(dir);
	if (ret->n)
		qsort(ret->names, ret->n, sizeof(*ret->names), by_text);
	return r;
}

void catalog_free(struct catalog *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->names[i]);
	free(c->names);
	memset(c, 0, sizeof(*c));
}

/* The first name that is not before text. */
static size_t lower_bound(const struct catalog *c, const char *text)
{
	size_t low = 0, high = c->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(c->names[mid], text) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* "000000001.lz4" -> 1, ".lz4"; 0: no such name. */
static uint32_t parse_number(const char *text, const char **ret_suffix)
{
	uint32_t number = 0;

	for (int i = 0; i < LOG_NUMBER_DIGITS; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		number = number * 10 + (uint32_t)(text[i] - '0');
	}
	*ret_suffix = text + LOG_NUMBER_DIGITS;
	return number;
}

struct shelf_file *shelf_add(struct shelf *sh, uint32_t number)
{
	if (sh->n && sh->files[sh->n - 1].number == number)
		return &sh->files[sh->n - 1];
	if (sh->n == sh->room) {
		uint32_t room = sh->room ? sh->room * 2 : 4;
		struct shelf_file *more = reallocarray(sh->files, room, sizeof(*more));

		if (!more)
			return NULL;
		sh->files = more;
		sh->room = room;
	}
	struct shelf_file *f = &sh->files[sh->n++];

	memset(f, 0, sizeof(*f));
	f->number = number;
	if (number > sh->last_number)
		sh->last_number = number;
	return f;
}

/* What an archive holds. An LZ4 file without our index is somebody else's: its contents count as
 * nothing. */
static int read_archive(struct shelf *sh, const char *name, struct shelf_file *f)
{
	struct archive_sums sums = { 0 };
	struct fault why = { "" };
	struct stat sb;
	int r, fd = io_open(sh->lg->home.logs_fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

	if (fd < 0)
		return fd;
	r = fstat(fd, &sb) < 0 ? -errno : archive_read_sums(fd, &sums, &why);
	io_close(&fd);
	if (r && r != -ENODATA)
		say(SAY_WARNING, "logs/%s: %s", name, why.text[0] ? why.text : strerror(-r));
	f->file_bytes = (uint64_t)sb.st_size;
	f->last_real_ns = !r && sums.last_real_ns
		? sums.last_real_ns
		: shelf_last_real_ns(sh->lg->home.logs_fd, "", &sb);
	f->raw_bytes = r ? 0 : sums.raw_bytes;
	f->lines = r ? 0 : sums.lines;
	return r;
}

/* All names of one number, in the order "", .del, .idx, .lz4, .lz4.tmp, as they are sorted. */
struct found {
	bool raw, del, idx, lz4, tmp;
};

static void drop(const struct shelf *sh, uint32_t number, const char *suffix)
{
	char name[LOG_NAME_MAX];

	(void)io_remove(sh->lg->home.logs_fd, log_file_name(sh->base, number, suffix, name), 0);
}

static void load_number(struct shelf *sh, uint32_t number, struct found o, uint64_t *marked)
{
	int dirfd = sh->lg->home.logs_fd;
	struct shelf_file f = { .number = number }, *at;
	char name[LOG_NAME_MAX], idx[LOG_NAME_MAX];
	struct stat sb;

	if (o.tmp)
		drop(sh, number, ".lz4.tmp");
	if (o.lz4 && read_archive(sh, log_file_name(sh->base, number, ".lz4", name), &f) < 0 &&
		o.raw) {
		drop(sh, number, ".lz4"); /* the raw file is still there: once more */
		o.lz4 = false;
	}
	f.state = o.lz4 ? SHELF_ARCHIVED : SHELF_RAW;
	if (o.lz4 && o.raw)
		drop(sh, number, "");
	if (o.idx && (o.lz4 || !(o.raw || o.del)))
		drop(sh, number, ".idx");
	if (!o.lz4 && (o.raw || o.del)) {
		if (fstatat(dirfd, log_file_name(sh->base, number, o.raw ? "" : ".del", name), &sb,
			    AT_SYMLINK_NOFOLLOW) < 0 ||
			!S_ISREG(sb.st_mode))
			return;
		f.raw_bytes = f.file_bytes = (uint64_t)sb.st_size;
		f.last_real_ns = shelf_last_real_ns(
			dirfd, log_file_name(sh->base, number, ".idx", idx), &sb);
	}
	if (o.del && !o.raw && !o.lz4) {
		f.state = SHELF_MARKED;
		if (read_archive(sh, log_file_name(sh->base, number, ".del", name), &f) < 0)
			f.raw_bytes = (uint64_t)sb.st_size;
		*marked += f.raw_bytes;
	}
	if (!o.raw && !o.lz4 && !o.del)
		return;
	at = shelf_add(sh, number);
	if (!at)
		return;
	*at = f;
	if (f.state == SHELF_RAW)
		sh->rotated_bytes += f.raw_bytes;
	if (f.state != SHELF_ARCHIVED)
		return;
	sh->archived_bytes += f.raw_bytes;
	sh->archived_lines += f.lines;
	sh->archive_file_bytes += f.file_bytes;
	sh->archives++;
}

/* A death between the two renames of a rotation left the index under the current file's name. */
static void mend_index(struct shelf *sh)
{
	const struct shelf_file *f = sh->n ? &sh->files[sh->n - 1] : NULL;
	int fd, dirfd = sh->lg->home.logs_fd;
	char raw[LOG_NAME_MAX], idx[LOG_NAME_MAX], to[LOG_NAME_MAX];
	struct tidx_head head;
	struct stat sb;

	if (!f || f->state != SHELF_RAW)
		return;
	(void)log_file_name(sh->base, f->number, "", raw);
	(void)log_file_name(sh->base, f->number, ".idx", to);
	(void)snprintf(idx, sizeof(idx), "%.80s.idx", sh->base);
	if (fstatat(dirfd, raw, &sb, AT_SYMLINK_NOFOLLOW) < 0 ||
		(fd = io_open(dirfd, idx, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0)) < 0)
		return;
	if (pread(fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
		head.magic == TIDX_MAGIC && head.inode == (uint64_t)sb.st_ino)
		(void)io_rename_new(dirfd, idx, to);
	io_close(&fd);
}

static void note_suffix(struct found *o, const char *suffix)
{
	o->raw |= !suffix[0];
	o->del |= !strcmp(suffix, ".del");
	o->idx |= !strcmp(suffix, ".idx");
	o->lz4 |= !strcmp(suffix, ".lz4");
	o->tmp |= !strcmp(suffix, ".lz4.tmp");
}

void shelf_load(struct shelf *sh, const struct catalog *c, uint64_t *ret_marked)
{
	char prefix[LOG_NAME_MAX + 2];
	size_t len = (size_t)snprintf(prefix, sizeof(prefix), "%s.", sh->base);
	struct found o = { 0 };
	uint32_t current = 0;

	*ret_marked = 0;
	for (size_t i = lower_bound(c, prefix); i < c->n && strncmp(c->names[i], prefix, len) == 0;
		i++) {
		const char *suffix;
		uint32_t number = parse_number(c->names[i] + len, &suffix);

		if (!number)
			continue;
		if (number != current && current) {
			load_number(sh, current, o, ret_marked);
			o = (struct found){ 0 };
		}
		current = number;
		note_suffix(&o, suffix);
	}
	if (current)
		load_number(sh, current, o, ret_marked);
	mend_index(sh);
	/* Now, while no file is archived yet: the first rotation would have to wait for that. */
	(void)shelf_renumber(sh);
}
