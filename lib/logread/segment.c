/* logread/segment.c - one file of a log (logread/segment.h). */
#include "logread/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "logread/archive.h"
#include "logread/unpack.h"

/* Logs may lie where others can put files (cli/ownlogs.c): their words are not ours. */
static bool is_trusted(const struct stat *st)
{
	return st->st_uid == geteuid() || st->st_uid == 0;
}

/* An index of another file is no damage: it may be the next one's already. */
static bool load_index(int dirfd, const char *name, struct segment *s, const struct log_complain *c)
{
	const struct stat st = { .st_ino = s->inode, .st_size = (off_t)s->bytes };
	struct fault f = { "" };
	struct stat own;
	int fd = io_open(dirfd, name, O_RDONLY | O_NONBLOCK, 0), r = fd;

	if (fd >= 0)
		r = fstat(fd, &own) == 0 && is_trusted(&own) ? tidx_load(&s->times, fd, &st, &f)
							     : -EPERM;
	io_close(&fd);
	if (r == -EBADMSG)
		log_complain(c, name, &f);
	if (r == 0 && s->times.damaged_at) {
		fault_set(&f, -EBADMSG,
			"damaged at offset %llu: when later lines arrived is not known",
			(unsigned long long)s->times.damaged_at);
		log_complain(c, name, &f);
	}
	return r == 0;
}

/* The index of a raw file. Between the two renames of a rotation it has the current file's name
 * still. */
static void load_times(int dirfd, const char *stem, struct segment *s, const struct log_complain *c)
{
	char *own = NULL, *current = NULL;

	if (asprintf(&own, "%s.idx", s->name) >= 0 &&
		asprintf(&current, "%s" LOG_SUFFIX ".idx", stem) >= 0 &&
		!load_index(dirfd, own, s, c) && strcmp(own, current) != 0)
		(void)load_index(dirfd, current, s, NULL);
	free(own);
	free(current);
}

static int open_file(struct segment *s)
{
	struct stat st;
	int r = s->fd = io_open(s->dirfd, s->name, O_RDONLY | O_NONBLOCK, 0);

	if (r >= 0)
		r = fstat(s->fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
	if (r == 0 && !is_trusted(&st))
		r = -EPERM;
	if (r < 0)
		return r;
	s->bytes = s->file_bytes = (uint64_t)st.st_size;
	s->inode = st.st_ino;
	return 0;
}

static void complain_errno(const struct log_complain *c, const char *name, int error)
{
	struct fault f;

	fault_errno(&f, error, "can't be read");
	log_complain(c, name, &f);
}

/* The index of an archive was checked; what its time index lacked already when it was archived is
 * told. */
static int take_index(struct segment *s, const struct log_complain *c)
{
	struct fault f;
	size_t n = s->index.head.entries;

	s->times.entries = malloc(n * sizeof(struct tidx_entry) + 1);
	if (!s->times.entries) {
		s->bytes = 0;
		return -ENOMEM;
	}
	memcpy(s->times.entries, s->index.times, n * sizeof(struct tidx_entry));
	if (n > 1 && s->times.entries[n - 1].real_ns == 0) {
		n--;
		s->times.damaged_at = s->times.entries[n].offset;
		fault_set(&f, -EBADMSG,
			"the time index was damaged when this was archived; when bytes from offset %llu on arrived is not known",
			(unsigned long long)s->times.damaged_at);
		log_complain(c, s->name, &f);
	}
	s->times.n = n;
	s->bytes = s->index.head.raw_bytes;
	s->indexed = true;
	return 0;
}

bool segment_wants(int error)
{
	return error == -ENOMEM || error == -EMFILE || error == -ENFILE;
}

int segment_ready(struct segment *s, const struct log_complain *c)
{
	struct fault f = { "" };
	int r, raw;

	if (s->ready)
		return 0;
	s->ready = true;
	r = s->fd < 0 ? open_file(s) : 0;
	if (r < 0 && r != -ENOENT && !segment_wants(r))
		complain_errno(c, s->name, r);
	s->ready = !segment_wants(r);
	if (r < 0)
		return r;
	r = archive_index_load(s->fd, &s->index, &f);
	if (r == 0)
		return take_index(s, c);
	if (r != -ENODATA)
		log_complain(c, s->name, &f);
	raw = unpack_file(s->fd, s->name, c, &s->bytes);
	if (raw < 0) {
		s->bytes = 0;
		s->ready = !segment_wants(raw);
		if (s->ready)
			complain_errno(c, s->name, raw);
		return raw;
	}
	io_close(&s->fd);
	s->fd = raw;
	return 0;
}

void segment_leave(struct segment *s)
{
	if (!s->archive)
		return;
	io_close(&s->fd);
	archive_index_free(&s->index);
	tidx_free(&s->times);
	s->ready = s->indexed = false;
}

uint64_t segment_last_ns(struct segment *s)
{
	struct archive_sums sums;

	if (!s->archive || s->indexed)
		return s->times.n && !s->times.damaged_at ? s->times.entries[s->times.n - 1].real_ns
							  : 0;
	if ((s->fd < 0 && open_file(s) < 0) || archive_read_sums(s->fd, &sums, NULL) < 0)
		return 0;
	return sums.last_real_ns;
}

int segment_open(struct segment *s, const char *stem, bool later, const struct log_complain *c)
{
	int r = 0;

	s->ready = !s->archive;
	if (!s->archive || !later)
		r = open_file(s);
	if (r == 0 && !s->archive)
		load_times(s->dirfd, stem, s, c);
	if (r < 0 && r != -ENOENT && !segment_wants(r))
		complain_errno(c, s->name, r);
	return r;
}

void segment_close(struct segment *s)
{
	io_close(&s->fd);
	free(s->name);
	archive_index_free(&s->index);
	tidx_free(&s->times);
}
