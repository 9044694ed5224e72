/* logread/timeindex.c - reading a time index (logread/timeindex.h). */
#include "logread/timeindex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "logread/pieces.h"

#define MAX_ENTRIES (16u << 20) /* 400 MB: more is not an index */

static bool is_good(const struct tidx_cursor *c, const struct tidx_entry *e)
{
	return e->offset >= c->last_offset && e->offset <= c->limit && e->real_ns != 0 &&
		e->real_ns >= c->last_real_ns && e->flags == 0;
}

int tidx_begin(struct tidx_cursor *c, int fd, const struct stat *log, struct fault *f)
{
	struct tidx_head head;
	ssize_t n;

	*c = (struct tidx_cursor){ .fd = -1 };
	if (fd < 0)
		return 0;
	n = piece_read_some(fd, &head, sizeof(head), 0);
	if (n == 0)
		return 0; /* just made */
	if (n != sizeof(head))
		return fault_set(f, -EBADMSG, "the time index is cut short in its head");
	if (head.magic != TIDX_MAGIC)
		return fault_set(f, -EBADMSG, "this is not a time index (magic at offset 0)");
	/* The device's number may change with a reboot; the inode does not. */
	if (head.inode != log->st_ino)
		return fault_set(f, -ESTALE, "the time index belongs to another file (inode %llu)",
			(unsigned long long)head.inode);
	c->fd = fd;
	c->position = sizeof(head);
	c->start_bytes = head.start_bytes;
	c->limit = (uint64_t)log->st_size;
	return 0;
}

static bool refill(struct tidx_cursor *c)
{
	ssize_t n;

	if (c->fd < 0)
		return false;
	do
		n = pread(c->fd, c->buf, sizeof(c->buf), (off_t)c->position);
	while (n < 0 && errno == EINTR);
	c->at = 0;
	c->have = n < 0 ? 0 : (unsigned)((size_t)n / sizeof(c->buf[0]));
	c->position += c->have * sizeof(c->buf[0]);
	if (c->have == 0)
		c->fd = -1;
	return c->have > 0;
}

bool tidx_next(struct tidx_cursor *c, struct tidx_entry *ret)
{
	if (c->at == c->have && !refill(c))
		return false;
	if (!is_good(c, &c->buf[c->at])) {
		if (c->buf[c->at].offset <= c->limit)
			c->damaged_at = c->position - (c->have - c->at) * sizeof(c->buf[0]);
		c->cut = true;
		c->fd = -1;
		c->at = c->have = 0;
		return false;
	}
	*ret = c->buf[c->at++];
	c->last_offset = ret->offset;
	c->last_real_ns = ret->real_ns;
	return true;
}

int tidx_load(struct tidx *t, int fd, const struct stat *log, struct fault *f)
{
	struct tidx_cursor c;
	struct tidx_entry e;
	size_t room = 0;
	int r;

	*t = (struct tidx){ 0 };
	r = tidx_begin(&c, fd, log, f);
	if (r < 0)
		return r;
	t->start_bytes = c.start_bytes;
	while (t->n < MAX_ENTRIES && tidx_next(&c, &e)) {
		if (t->n == room) {
			room = room ? room * 2 : 256;
			struct tidx_entry *more = realloc(t->entries, room * sizeof(e));
			if (!more) {
				tidx_free(t);
				return -ENOMEM;
			}
			t->entries = more;
		}
		t->entries[t->n++] = e;
	}
	t->damaged_at = c.damaged_at;
	return 0;
}

void tidx_free(struct tidx *t)
{
	free(t->entries);
	*t = (struct tidx){ 0 };
}

const struct tidx_entry *tidx_at(const struct tidx *t, uint64_t offset)
{
	size_t low = 0, high = t->n; /* entries below low begin at or before offset */

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (t->entries[mid].offset <= offset)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == 0 || (t->damaged_at && low == t->n && offset > t->entries[low - 1].offset))
		return NULL;
	return &t->entries[low - 1];
}
