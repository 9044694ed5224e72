/* logread/segments.c - the files of one log in reading order (logread/segments.h). */
#include "logread/segments.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "logread/pieces.h"
#include "logread/unpack.h"

#define LIST_TRIES 50

struct found {
	uint32_t number; /* UINT32_MAX: the current file */
	bool archive;
};

struct listing {
	struct found *f;
	size_t n, room;
};

void log_complain(const struct log_complain *c, const char *file, const struct fault *f)
{
	char text[FAULT_MAX + 300];

	if (!c || !c->fn)
		return;
	snprintf(text, sizeof(text), "%s: %s", file, f->text);
	c->fn(c->arg, text);
}

/* Is name a file of the log stem? */
static bool match(const char *name, const char *stem, struct found *ret)
{
	size_t len = strlen(stem);
	const char *p;
	uint64_t number = 0;
	unsigned digits = 0;

	if (strncmp(name, stem, len) != 0 || strncmp(name + len, LOG_SUFFIX, strlen(LOG_SUFFIX)) != 0)
		return false;
	p = name + len + strlen(LOG_SUFFIX);
	*ret = (struct found){ .number = UINT32_MAX, .archive = strcmp(p, ".lz4") == 0 };
	if (*p == 0)
		return true;
	if (ret->archive) { /* a foreign one: in front of all numbers */
		ret->number = 0;
		return true;
	}
	if (*p++ != '.')
		return false;
	for (; *p >= '0' && *p <= '9' && digits < 10; digits++)
		number = number * 10 + (uint64_t)(*p++ - '0');
	if (digits != LOG_NUMBER_DIGITS || (*p && strcmp(p, ".lz4") != 0))
		return false;
	ret->number = (uint32_t)number;
	ret->archive = *p != 0;
	return true;
}

static int by_number(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return (int)y->archive - (int)x->archive; /* the archive first: it counts */
}

static DIR *open_list(int dirfd)
{
	int fd = io_open(dirfd, ".", O_RDONLY | O_DIRECTORY, 0);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d && fd >= 0)
		close(fd);
	return d;
}

static int list(int dirfd, const char *stem, struct listing *l)
{
	DIR *d = open_list(dirfd);
	struct dirent *e;
	struct found found;
	size_t kept = 0;

	l->n = 0;
	if (!d)
		return -errno;
	while ((e = readdir(d))) {
		if (!match(e->d_name, stem, &found))
			continue;
		if (l->n == l->room) {
			struct found *more = realloc(l->f, (l->room + 32) * sizeof(*more));
			if (!more) {
				closedir(d);
				return -ENOMEM;
			}
			l->f = more;
			l->room += 32;
		}
		l->f[l->n++] = found;
	}
	closedir(d);
	if (l->n > 1)
		qsort(l->f, l->n, sizeof(*l->f), by_number);
	for (size_t i = 0; i < l->n; i++)
		if (kept == 0 || l->f[kept - 1].number != l->f[i].number)
			l->f[kept++] = l->f[i];
	l->n = kept;
	return 0;
}

static char *name_of(const char *stem, const struct found *f)
{
	char *name = NULL;
	int n;

	if (f->number == UINT32_MAX)
		n = asprintf(&name, "%s" LOG_SUFFIX, stem);
	else if (f->number == 0)
		n = asprintf(&name, "%s" LOG_SUFFIX ".lz4", stem);
	else
		n = asprintf(&name, "%s" LOG_SUFFIX ".%0*u%s", stem, LOG_NUMBER_DIGITS, f->number, f->archive ? ".lz4" : "");
	return n < 0 ? NULL : name;
}

/* An index of another file is no damage: it may be the next one's already. */
static bool load_index(int dirfd, const char *name, struct segment *s, const struct log_complain *c)
{
	const struct stat st = { .st_ino = s->inode, .st_size = (off_t)s->bytes };
	struct fault f = { "" };
	int fd = io_open(dirfd, name, O_RDONLY | O_NONBLOCK, 0), r = fd < 0 ? fd : tidx_load(&s->times, fd, &st, &f);

	io_close(&fd);
	if (r == -EBADMSG)
		log_complain(c, name, &f);
	if (r == 0 && s->times.damaged_at) {
		fault_set(&f, -EBADMSG, "damaged at offset %llu: when later lines arrived is not known", (unsigned long long)s->times.damaged_at);
		log_complain(c, name, &f);
	}
	return r == 0;
}

/* The index of a raw file. Between the two renames of a rotation it has the current file's name still. */
static void load_times(int dirfd, const char *stem, struct segment *s, const struct log_complain *c)
{
	char *own = NULL, *current = NULL;

	if (asprintf(&own, "%s.idx", s->name) >= 0 && asprintf(&current, "%s" LOG_SUFFIX ".idx", stem) >= 0 && !load_index(dirfd, own, s, c) &&
		strcmp(own, current) != 0)
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

/* The index of an archive was checked; what its time index lacked already when it was archived is told. */
static int take_index(struct segment *s, const struct log_complain *c)
{
	struct fault f;
	size_t n = s->index.head.entries;

	s->times.entries = malloc(n * sizeof(struct tidx_entry) + 1);
	if (!s->times.entries)
		return -ENOMEM;
	memcpy(s->times.entries, s->index.times, n * sizeof(struct tidx_entry));
	if (n > 1 && s->times.entries[n - 1].real_ns == 0) {
		n--;
		s->times.damaged_at = s->times.entries[n].offset;
		fault_set(&f, -EBADMSG, "the time index was damaged when this was archived; when bytes from offset %llu on arrived is not known",
			  (unsigned long long)s->times.damaged_at);
		log_complain(c, s->name, &f);
	}
	s->times.n = n;
	s->bytes = s->index.head.raw_bytes;
	s->indexed = true;
	return 0;
}

int segment_ready(struct segment *s, const struct log_complain *c)
{
	struct fault f = { "" };
	int r, raw;

	if (s->ready)
		return 0;
	s->ready = true;
	r = s->fd < 0 ? open_file(s) : 0;
	if (r < 0 && r != -ENOENT)
		complain_errno(c, s->name, r);
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
	struct archive_index x;
	struct archive_block b;

	if (!s->archive || s->indexed)
		return s->times.n && !s->times.damaged_at ? s->times.entries[s->times.n - 1].real_ns : 0;
	if ((s->fd < 0 && open_file(s) < 0) || archive_index_head(s->fd, &x, NULL) < 0 || x.head.blocks == 0 ||
		piece_read(s->fd, &b, sizeof(b), x.frame_offset + 8 + sizeof(x.head) + (x.head.blocks - 1) * sizeof(b)) < 0)
		return 0;
	return b.last_real_ns;
}

/* -ENOENT: it has gone; -EINVAL and others: it can't be read and was complained of. */
static int open_one(int dirfd, const char *stem, const struct found *found, enum segments_how how, const struct log_complain *c, struct segment *s)
{
	int r = 0;

	*s = (struct segment){ .number = found->number, .dirfd = dirfd, .fd = -1, .archive = found->archive, .ready = !found->archive,
		.name = name_of(stem, found) };
	if (!s->name)
		return -ENOMEM;
	if (!s->archive || how == SEGMENTS_OPEN)
		r = open_file(s);
	if (r == 0 && !s->archive)
		load_times(dirfd, stem, s, c);
	if (r < 0 && r != -ENOENT)
		complain_errno(c, s->name, r);
	return r;
}

static void close_one(struct segment *s)
{
	io_close(&s->fd);
	free(s->name);
	archive_index_free(&s->index);
	tidx_free(&s->times);
}

void segments_close(struct segments *s)
{
	for (size_t i = 0; s->list && i < s->n; i++)
		close_one(&s->list[i]);
	free(s->list);
	*s = (struct segments){ 0 };
}

/* Is the listing still what the folder shows, and the current file the one that we have? */
static bool unchanged(int dirfd, const char *stem, const struct listing *before, const struct segments *s)
{
	struct listing now = { 0 };
	const struct segment *last = s->n ? &s->list[s->n - 1] : NULL;
	struct stat st;
	bool same = list(dirfd, stem, &now) == 0 && now.n == before->n;

	for (size_t i = 0; same && i < now.n; i++)
		same = now.f[i].number == before->f[i].number && now.f[i].archive == before->f[i].archive;
	if (same && last && last->number == UINT32_MAX)
		same = fstatat(dirfd, last->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == last->inode;
	free(now.f);
	return same;
}

int segments_open(int dirfd, const char *stem, uint32_t above, enum segments_how how, const struct log_complain *c, struct segments *ret, struct fault *f)
{
	struct listing l = { 0 };
	int r = 0;

	*ret = (struct segments){ 0 };
	for (unsigned tries = 0; tries < LIST_TRIES; tries++) {
		bool again = false;

		r = list(dirfd, stem, &l);
		ret->list = r == 0 ? calloc(l.n + 1, sizeof(*ret->list)) : NULL;
		if (r == 0 && !ret->list)
			r = -ENOMEM;
		for (size_t i = 0; r == 0 && !again && i < l.n; i++) {
			if (above && l.f[i].number <= above)
				continue;
			int opened = open_one(dirfd, stem, &l.f[i], how, tries == 0 ? c : NULL, &ret->list[ret->n]);

			if (opened < 0)
				close_one(&ret->list[ret->n]);
			else
				ret->n++;
			again = opened == -ENOENT;
			r = opened == -ENOMEM || opened == -EMFILE ? opened : 0;
		}
		if (r < 0 || (!again && unchanged(dirfd, stem, &l, ret)))
			break;
		if (tries + 1 < LIST_TRIES)
			segments_close(ret);
	}
	free(l.f);
	if (r < 0)
		segments_close(ret);
	return r < 0 ? fault_errno(f, r, "the log of %s can't be read", stem) : 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Length of the stem if this is the name of a log file; 0. */
static size_t stem_length(const char *name, bool err)
{
	const char *p = strstr(name, LOG_SUFFIX), *q;
	struct found found;
	char stem[256];
	size_t len;

	for (q = p; q; q = strstr(q + 1, LOG_SUFFIX))
		p = q;
	len = p ? (size_t)(p - name) : 0;
	if (len == 0 || len >= sizeof(stem))
		return 0;
	memcpy(stem, name, len);
	stem[len] = 0;
	if (!match(name, stem, &found) || (!err && len > 4 && strcmp(stem + len - 4, LOG_ERR_MARK) == 0))
		return 0;
	return len;
}

int segments_stems(int dirfd, bool err, char ***ret, size_t *ret_n)
{
	DIR *d = open_list(dirfd);
	struct dirent *e;
	char **stems = NULL;
	size_t n = 0, kept = 0;

	if (!d)
		return -errno;
	while ((e = readdir(d))) {
		size_t len = stem_length(e->d_name, err);
		char **more = len ? realloc(stems, (n + 1) * sizeof(*stems)) : NULL;

		if (!more)
			continue;
		stems = more;
		stems[n] = strndup(e->d_name, len);
		n += stems[n] != NULL;
	}
	closedir(d);
	if (n > 1)
		qsort(stems, n, sizeof(*stems), by_text);
	for (size_t i = 0; i < n; i++) {
		if (kept > 0 && strcmp(stems[kept - 1], stems[i]) == 0)
			free(stems[i]);
		else
			stems[kept++] = stems[i];
	}
	*ret = stems;
	*ret_n = kept;
	return 0;
}

void segments_stems_free(char **stems, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(stems[i]);
	free(stems);
}
