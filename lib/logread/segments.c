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

#define CATCH_TRIES 1000

struct found {
	uint32_t number; /* UINT32_MAX: the current file */
	bool archive;
};

struct listing {
	struct found *f;
	size_t n, room;
};

/* Is name a file of the log stem? */
static bool match(const char *name, const char *stem, struct found *ret)
{
	size_t len = strlen(stem);
	const char *p;
	uint64_t number = 0;
	unsigned digits = 0;

	if (strncmp(name, stem, len) != 0 ||
		strncmp(name + len, LOG_SUFFIX, strlen(LOG_SUFFIX)) != 0)
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
	if (digits != LOG_NUMBER_DIGITS || number == 0 || (*p && strcmp(p, ".lz4") != 0))
		return false; /* ours begin at 1 */
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
		n = asprintf(&name, "%s" LOG_SUFFIX ".%0*u%s", stem, LOG_NUMBER_DIGITS, f->number,
			f->archive ? ".lz4" : "");
	return n < 0 ? NULL : name;
}

/* -ENOENT: it has gone; -EINVAL and others: it can't be read and was complained of. */
static int open_one(int dirfd, const char *stem, const struct found *found, enum segments_how how,
	const struct log_complain *c, struct segment *s)
{
	*s = (struct segment){ .number = found->number,
		.dirfd = dirfd,
		.fd = -1,
		.archive = found->archive,
		.name = name_of(stem, found) };
	return s->name ? segment_open(s, stem, how == SEGMENTS_LAZY, c) : -ENOMEM;
}

void segments_close(struct segments *s)
{
	for (size_t i = 0; s->list && i < s->n; i++)
		segment_close(&s->list[i]);
	free(s->list);
	*s = (struct segments){ 0 };
}

/* A listing at work. */
struct opening {
	int dirfd;
	const char *stem;
	uint32_t above;
	enum segments_how how;
	const struct log_complain *c;
	struct segments *s;
	size_t room;
};

/* A file that was archived since it was listed has another name; one that is gone was taken by
 * retention, and is not missed. 0 or an -errno that is not the file's. */
static int take(struct opening *o, struct found found)
{
	struct segments *s = o->s;
	struct segment *g;
	int r;

	if (o->above && found.number <= o->above)
		return 0;
	if (s->n == o->room) {
		struct segment *more = realloc(s->list, (o->room * 2 + 32) * sizeof(*more));

		if (!more)
			return -ENOMEM;
		s->list = more;
		o->room = o->room * 2 + 32;
	}
	g = &s->list[s->n];
	r = open_one(o->dirfd, o->stem, &found, o->how, o->c, g);
	if (r == -ENOENT && found.number != UINT32_MAX && found.number != 0) {
		segment_close(g);
		found.archive = !found.archive;
		/* at once: else it would not be known that it is gone */
		r = open_one(o->dirfd, o->stem, &found, SEGMENTS_OPEN, o->c, g);
	}
	if (r == 0)
		s->n++;
	else
		segment_close(g);
	return segment_wants(r) ? r : 0;
}

static int take_current(struct opening *o)
{
	return take(o, (struct found){ .number = UINT32_MAX });
}

static void drop_current(struct segments *s)
{
	if (s->n && s->list[s->n - 1].number == UINT32_MAX)
		segment_close(&s->list[--s->n]);
}

static bool exists(const struct opening *o, uint32_t number)
{
	struct stat st;
	bool ret = false;

	/* a raw file becomes an archive, and never the other way round */
	for (int archive = 0; archive < 2 && !ret; archive++) {
		char *name = name_of(
			o->stem, &(struct found){ .number = number, .archive = archive });

		ret = name && fstatat(o->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
		free(name);
	}
	return ret;
}

static int has_number(const void *key, const void *item)
{
	uint32_t number = *(const uint32_t *)key, other = ((const struct found *)item)->number;

	return number < other ? -1 : number > other;
}

static uint32_t highest(const struct listing *l)
{
	size_t n = l->n && l->f[l->n - 1].number == UINT32_MAX ? l->n - 1 : l->n;

	return n ? l->f[n - 1].number : 0;
}

/* The numbers of l up to most that before has not. */
static int take_listed(
	struct opening *o, const struct listing *l, const struct listing *before, uint32_t most)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->n && l->f[i].number <= most; i++)
		if (l->f[i].number != UINT32_MAX &&
			!(before->n &&
				bsearch(&l->f[i].number, before->f, before->n, sizeof(*before->f),
					has_number)))
			r = take(o, l->f[i]);
	return r;
}

static int by_place(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

/*
 * The log was rotated since it was listed, perhaps faster than its folder can be. But the numbers
 * that come are known, so they are asked for by name: a current file that was opened, while the
 * next number does not exist yet, follows the last one that we have. Where even that does not come
 * about, what we have is whole but for the newest lines.
 */
static int catch_up(struct opening *o, uint32_t next, uint32_t listed)
{
	int r = 0;

	for (unsigned tries = 0; r == 0 && tries < CATCH_TRIES; tries++) {
		drop_current(o->s);
		for (; r == 0 && next <= LOG_NUMBER_MAX && (next <= listed || exists(o, next));
			next++)
			r = take(o, (struct found){ .number = next });
		if (r == 0)
			r = take_current(o);
		if (next > LOG_NUMBER_MAX || !exists(o, next))
			return r;
	}
	drop_current(o->s);
	return r;
}

/* A listing may miss a file that is archived meanwhile: one name comes behind the place where it
 * is, the other goes in front of it. That happens to a file once, so a second listing shows it. The
 * current file is opened between the two: what is rotated before that, the second one has. */
static int open_all(struct opening *o)
{
	struct listing none = { 0 }, first = { 0 }, second = { 0 };
	uint32_t had, has;
	int r = list(o->dirfd, o->stem, &first);

	if (r == 0)
		r = take_listed(o, &first, &none, LOG_NUMBER_MAX);
	if (r == 0)
		r = take_current(o);
	if (r == 0)
		r = list(o->dirfd, o->stem, &second);
	had = highest(&first);
	has = highest(&second);
	if (r == 0)
		r = take_listed(o, &second, &first, had);
	if (r == 0 && o->s->n > 1)
		qsort(o->s->list, o->s->n, sizeof(*o->s->list), by_place);
	if (r == 0 && (has > had || (had && had < LOG_NUMBER_MAX && exists(o, had + 1))))
		r = catch_up(o, had ? had + 1 : second.f[0].number ? second.f[0].number : 1, has);
	free(first.f);
	free(second.f);
	return r;
}

int segments_open(int dirfd, const char *stem, uint32_t above, enum segments_how how,
	const struct log_complain *c, struct segments *ret, struct fault *f)
{
	struct opening o = {
		.dirfd = dirfd, .stem = stem, .above = above, .how = how, .c = c, .s = ret
	};
	int r;

	*ret = (struct segments){ 0 };
	r = open_all(&o);
	/* more archives than descriptors: one after the other, then */
	if ((r == -EMFILE || r == -ENFILE) && how == SEGMENTS_OPEN) {
		segments_close(ret);
		o.how = SEGMENTS_LAZY;
		o.room = 0;
		r = open_all(&o);
	}
	if (r < 0)
		segments_close(ret);
	return r < 0 ? fault_errno(f, r, "the log of %s can't be read", stem) : 0;
}

/* The mark of standard error comes first of all characters: NAME@err stands behind NAME, also where
 * there is a NAME-2. */
static int by_stem(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;

	while (*x && *x == *y) {
		x++;
		y++;
	}
	if (*x && *y && (*x == LOG_ERR_MARK[0] || *y == LOG_ERR_MARK[0]))
		return *x == LOG_ERR_MARK[0] ? -1 : 1;
	return (unsigned char)*x - (unsigned char)*y;
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
	if (!match(name, stem, &found) ||
		(!err && len > 4 && strcmp(stem + len - 4, LOG_ERR_MARK) == 0))
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
		qsort(stems, n, sizeof(*stems), by_stem);
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
