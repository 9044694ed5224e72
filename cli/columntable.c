/* cli/columntable.c - columns of processes as a text table (cli/columntable.h). */
#include "cli/columntable.h"

#include "cli/paint.h"
#include "term/term.h"

struct texttable *columntable_new(unsigned sets)
{
	struct texttable *t;
	size_t shown = 0;

	for (const struct column *c = columns; c->title; c++)
		shown += (c->sets & sets) != 0;
	t = texttable_new(shown);
	for (const struct column *c = columns; t && c->title; c++)
		if (c->sets & sets)
			texttable_cell(t, c->title, c->right, TERM_BOLD);
	return t;
}

void columntable_add(
	struct texttable *t, const struct view *v, const struct view_row *r, unsigned sets)
{
	char text[COLUMN_TEXT_MAX];

	for (const struct column *c = columns; c->title; c++) {
		if (!(c->sets & sets))
			continue;
		texttable_cell(t, c->text(v, r, text, sizeof(text)), c->right,
			c->tone ? paint_colour(c->tone(r)) : TERM_PLAIN);
	}
}
