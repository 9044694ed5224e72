/* cli/dbfile.c - a look at an SQLite file (cli/dbfile.h). Everything in it is untrusted. */
#include "cli/dbfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"

#define MAGIC	   "SQLite format 3"
#define HEADER	   100u /* of the file, in front of the first page's own */
#define LEAF	   0x0d
#define INTERIOR   0x05
#define PAGES_MOST 200u /* of the schema; no registry has so many, a damaged file may point in circles */

/* The log in front of it, where what was committed lately is. */
#define WAL_HEADER  32u
#define FRAME	    24u
#define FRAMES_MOST 100000u

struct walk {
	int fd, wal_fd; /* wal_fd -1: there is none */
	uint8_t salt[8]; /* of the log: frames with another are left over from before */
	uint32_t page_size, pages; /* pages: looked at so far */
	int64_t tables;
};

static uint32_t big_endian(const uint8_t *at, unsigned bytes)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v = v << 8 | at[i];
	return v;
}

/* A number of up to nine bytes. Returns what is behind it, NULL if that is beyond end. */
static const uint8_t *varint(const uint8_t *at, const uint8_t *end, uint64_t *ret)
{
	*ret = 0;
	for (unsigned i = 0; i < 9 && at < end; i++, at++) {
		*ret = i == 8 ? *ret << 8 | *at : *ret << 7 | (*at & 0x7f);
		if (i == 8 || !(*at & 0x80))
			return at + 1;
	}
	return NULL;
}

/* Is this row of the schema a table? Its first column says so: a text of five bytes. */
static bool is_table(const uint8_t *at, const uint8_t *end)
{
	uint64_t payload, row, header, type;
	const uint8_t *record;

	at = varint(at, end, &payload);
	record = at ? varint(at, end, &row) : NULL;
	at = record ? varint(record, end, &header) : NULL;
	at = at ? varint(at, end, &type) : NULL;
	return at && type == 13 + 2 * 5 && header <= (uint64_t)(end - record) && (uint64_t)(end - record) - header >= 5 &&
	       memcmp(record + header, "table", 5) == 0;
}

static void open_wal(struct walk *w, const char *path)
{
	uint8_t header[WAL_HEADER];
	char *name = NULL;

	w->wal_fd = asprintf(&name, "%s-wal", path) < 0 ? -1 : open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	free(name);
	if (w->wal_fd < 0)
		return;
	if (pread(w->wal_fd, header, sizeof(header), 0) == (ssize_t)sizeof(header) && big_endian(header, 4) >> 1 == 0x377f0682 >> 1 &&
	    big_endian(header + 8, 4) == w->page_size)
		memcpy(w->salt, header + 16, sizeof(w->salt));
	else
		io_close(&w->wal_fd);
}

/* Where the log has this page as it was committed last; -1: nowhere. */
static off_t place_in_wal(const struct walk *w, uint32_t number)
{
	off_t newest = -1, committed = -1, at = WAL_HEADER;
	uint8_t frame[FRAME];

	for (unsigned i = 0; w->wal_fd >= 0 && i < FRAMES_MOST; i++, at += FRAME + w->page_size) {
		if (pread(w->wal_fd, frame, sizeof(frame), at) != (ssize_t)sizeof(frame) || memcmp(frame + 8, w->salt, sizeof(w->salt)) != 0)
			break;
		if (big_endian(frame, 4) == number)
			newest = at + FRAME;
		if (big_endian(frame + 4, 4))
			committed = newest;
	}
	return committed;
}

static bool read_page(const struct walk *w, uint32_t number, uint8_t *page)
{
	off_t logged = place_in_wal(w, number), at = logged >= 0 ? logged : (off_t)(number - 1) * w->page_size;

	return pread(logged >= 0 ? w->wal_fd : w->fd, page, w->page_size, at) == (ssize_t)w->page_size;
}

/* False: the file is damaged. Recursion is bounded by PAGES_MOST. */
static bool count_page(struct walk *w, uint32_t number)
{
	uint8_t *page = ++w->pages <= PAGES_MOST && number ? malloc(w->page_size) : NULL;
	const uint8_t *own = page ? page + (number == 1 ? HEADER : 0) : NULL;
	bool ok = page && read_page(w, number, page);
	unsigned cells = ok ? big_endian(own + 3, 2) : 0, header = ok && own[0] == INTERIOR ? 12 : 8;

	ok = ok && (own[0] == LEAF || own[0] == INTERIOR) && (size_t)(own - page) + header + 2 * cells <= w->page_size;
	for (unsigned i = 0; ok && i < cells; i++) {
		uint32_t at = big_endian(own + header + 2 * i, 2);

		if (at + 4 > w->page_size)
			ok = false;
		else if (own[0] == LEAF)
			w->tables += is_table(page + at, page + w->page_size);
		else
			ok = count_page(w, big_endian(page + at, 4));
	}
	ok = ok && (own[0] == LEAF || count_page(w, big_endian(own + 8, 4)));
	free(page);
	return ok;
}

static void look_inside(int fd, const char *path, struct dbfile *ret)
{
	uint8_t header[HEADER];
	struct walk w = { .fd = fd, .wal_fd = -1 };
	bool ok;

	if (ret->size_bytes == 0) { /* as SQLite makes one */
		ret->status = "healthy";
		snprintf(ret->message, sizeof(ret->message), "Database is empty");
		return;
	}
	ret->status = "error";
	if (pread(fd, header, sizeof(header), 0) != (ssize_t)sizeof(header) || memcmp(header, MAGIC, sizeof(MAGIC)) != 0) {
		snprintf(ret->message, sizeof(ret->message), "Not an SQLite database");
		return;
	}
	w.page_size = big_endian(header + 16, 2);
	w.page_size = w.page_size == 1 ? 65536 : w.page_size;
	ok = w.page_size >= 512;
	if (ok) {
		open_wal(&w, path);
		ok = count_page(&w, 1);
		io_close(&w.wal_fd);
	}
	if (!ok) {
		snprintf(ret->message, sizeof(ret->message), "Database is damaged");
		return;
	}
	ret->status = "healthy";
	ret->tables = w.tables;
	snprintf(ret->message, sizeof(ret->message), "Database is accessible");
}

void dbfile_look(const char *path, struct dbfile *ret)
{
	int fd = path ? open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1, e = errno;
	struct stat st;

	*ret = (struct dbfile){ .status = "unknown", .message = "Database is not known", .size_bytes = -1, .tables = -1 };
	if (path && fd < 0) {
		ret->status = e == ENOENT ? "missing" : "inaccessible";
		snprintf(ret->message, sizeof(ret->message), "Database: %s", strerror(e));
	} else if (path && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		ret->status = "inaccessible";
		snprintf(ret->message, sizeof(ret->message), "Database is not a regular file");
	} else if (path) {
		ret->size_bytes = st.st_size;
		look_inside(fd, path, ret);
	}
	io_close(&fd);
}
