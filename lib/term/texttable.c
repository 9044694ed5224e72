/* term/texttable.c - printing a table (term/texttable.h). The cells' texts lie one behind the other
 * in a single growing buffer.
 */
#include "term/texttable.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "term/textwidth.h"

#define GAP	       2u
#define FIRST_SIZE     65536u
#define LAST_MIN       8u  /* a last column cut to less is left out */
#define FIRST_MIN      20u /* and the first one is cut to this before that */
#define LEAST_OF_FIRST 4u

/* In front of each cell's text. */
struct cell {
	uint16_t bytes, columns;
	uint8_t right, colour;
};

struct texttable {
	size_t per_row, n;
	char *text;
	size_t used, size;
	uint32_t *row; /* where each begins in text */
	size_t rows, row_size;
	size_t width[TEXTTABLE_COLUMNS_MAX];
	bool failed;
};

struct texttable *texttable_new(size_t columns)
{
	struct texttable *t = columns && columns <= TEXTTABLE_COLUMNS_MAX ? calloc(1, sizeof(*t))
									  : NULL;

	if (t)
		t->per_row = columns;
	return t;
}

void texttable_free(struct texttable *t)
{
	if (!t)
		return;
	free(t->text);
	free(t->row);
	free(t);
}

static bool grow(struct texttable *t, size_t bytes)
{
	size_t size = 2 * t->size + bytes + FIRST_SIZE;
	char *text;

	if (t->used + bytes <= t->size)
		return true;
	text = realloc(t->text, size);
	if (!text)
		return false;
	t->text = text;
	t->size = size;
	return true;
}

static bool note_row(struct texttable *t)
{
	if (t->rows == t->row_size) {
		size_t size = 2 * t->row_size + 1024;
		uint32_t *row = realloc(t->row, size * sizeof(*row));

		if (!row)
			return false;
		t->row = row;
		t->row_size = size;
	}
	t->row[t->rows++] = (uint32_t)t->used;
	return t->used < UINT32_MAX - UINT16_MAX;
}

bool texttable_cell(struct texttable *t, const char *text, bool right, enum term_colour colour)
{
	size_t bytes = strnlen(text, UINT16_MAX - 1), columns = textwidth_columns(text, bytes);
	size_t *width = &t->width[t->n % t->per_row];
	struct cell c = { (uint16_t)bytes, (uint16_t)columns, right, (uint8_t)colour };

	if (t->failed || !grow(t, sizeof(c) + bytes + 1) ||
		(t->n % t->per_row == 0 && !note_row(t))) {
		t->failed = true;
		return false;
	}
	memcpy(t->text + t->used, &c, sizeof(c));
	memcpy(t->text + t->used + sizeof(c), text, bytes);
	t->used += sizeof(c) + bytes + 1;
	t->text[t->used - 1] = 0;
	t->n++;
	if (columns > *width)
		*width = columns;
	return true;
}

bool texttable_whole(const struct texttable *t)
{
	return !t->failed;
}

static int by_first_cell(const void *a, const void *b, void *text)
{
	const uint32_t *x = a, *y = b;

	return strcmp((const char *)text + *x + sizeof(struct cell),
		(const char *)text + *y + sizeof(struct cell));
}

void texttable_sort(struct texttable *t)
{
	if (t->rows > 2)
		qsort_r(t->row + 1, t->rows - 1, sizeof(*t->row), by_first_cell, t->text);
}

/* One line, put together here and written at once: ten calls of stdio for each line would cost more
 * than everything else. Behind len there are blanks, so that to leave room costs nothing. */
struct line {
	char buf[8192];
	size_t len;
};

static void put(struct line *l, const char *text, size_t bytes)
{
	size_t room = sizeof(l->buf) - 1 - l->len; /* one for the line's end */

	if (bytes > room)
		bytes = room;
	memcpy(l->buf + l->len, text, bytes);
	l->len += bytes;
}

static void pad(struct line *l, size_t n)
{
	size_t room = sizeof(l->buf) - 1 - l->len;

	l->len += n < room ? n : room;
}

static void write_line(struct line *l)
{
	l->buf[l->len++] = '\n';
	fwrite(l->buf, 1, l->len, stdout);
	memset(l->buf, ' ', l->len);
	l->len = 0;
}

/* Cut to so many columns, with an ellipsis where something is missing; 0 = as it is. */
static void put_cut(struct line *l, const char *text, const struct cell *c, size_t room)
{
	if (room == 0 || c->columns <= room) {
		put(l, text, c->bytes);
		return;
	}
	put(l, text, textwidth_bytes(text, room - 1));
	put(l, "\xe2\x80\xa6", 3);
}

/* What of a table is shown on a line, and how wide. */
struct layout {
	size_t shown;			    /* columns; the others are left out */
	size_t room[TEXTTABLE_COLUMNS_MAX]; /* of each */
};

static size_t total_width(const struct layout *y, size_t columns)
{
	size_t sum = 0;

	for (size_t i = 0; i < columns; i++)
		sum += y->room[i] + (i ? GAP : 0);
	return sum;
}

/* Both the first and the last column may be cut, the last one further; where that is not enough,
 * columns are left out from the right, but for the first two. */
static void lay_out(const struct texttable *t, unsigned width, struct layout *ret)
{
	size_t last = t->per_row - 1, others,
	       first = t->width[0] < FIRST_MIN ? t->width[0] : FIRST_MIN, least;

	ret->shown = t->per_row;
	memcpy(ret->room, t->width, sizeof(ret->room));
	if (width == 0 || total_width(ret, ret->shown) <= width)
		return;
	if (last && ret->room[last] > LAST_MIN)
		ret->room[last] = LAST_MIN;
	for (;;) {
		others = total_width(ret, ret->shown) - ret->room[0];
		if (others + first <= width || ret->shown <= 2)
			break;
		ret->shown--;
	}
	least = width > others + LEAST_OF_FIRST ? width - others : LEAST_OF_FIRST;
	ret->room[0] = least < t->width[0] ? least : t->width[0];
	if (ret->shown == t->per_row && last && others + ret->room[0] < width)
		ret->room[last] += width - others - ret->room[0];
}

static void put_cell(struct line *l, const struct layout *y, const struct cell *c, const char *text,
	size_t column)
{
	size_t room = y->room[column], columns = c->columns < room ? c->columns : room,
	       fill = room - columns;
	const char *on = c->colour != TERM_PLAIN ? term_colour((enum term_colour)c->colour) : "";
	bool last = column + 1 == y->shown;

	if (c->right)
		pad(l, fill);
	if (*on)
		put(l, on, strlen(on));
	put_cut(l, text, c, room);
	if (*on)
		put(l, term_colour(TERM_PLAIN), strlen(term_colour(TERM_PLAIN)));
	if (!last)
		pad(l, GAP + (c->right ? 0 : fill));
}

void texttable_print(const struct texttable *t, unsigned width)
{
	struct layout y;
	struct line l;

	lay_out(t, width, &y);
	memset(l.buf, ' ', sizeof(l.buf));
	l.len = 0;
	for (size_t i = 0; i < t->rows; i++) {
		const char *at = t->text + t->row[i];

		for (size_t column = 0; column < y.shown; column++) {
			struct cell c;

			memcpy(&c, at, sizeof(c));
			put_cell(&l, &y, &c, at + sizeof(c), column);
			at += sizeof(c) + c.bytes + 1;
		}
		write_line(&l);
	}
}
