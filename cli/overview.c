/* cli/overview.c - "tend status" without names (cli/overview.h). */
#include "cli/overview.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/columntable.h"
#include "cli/out.h"
#include "cli/paint.h"
#include "client/foreign.h"
#include "client/group.h"
#include "client/listed.h"
#include "client/phrase.h"
#include "words/story.h"
#include "words/summary.h"

struct overview {
	struct summary sum;
	struct texttable *table;
	char **note; /* why some of them are not running */
	size_t notes, notes_size;
};

static bool add_note(struct overview *o, const struct view *v, const struct view_row *r)
{
	char note[STORY_MAX], *line = NULL;

	if (!story_note(v, r, note)[0] && !story_clock(r, note))
		return true;
	if (o->notes == o->notes_size) {
		size_t size = 2 * o->notes_size + 16;
		char **more = realloc(o->note, size * sizeof(*more));

		if (!more)
			return false;
		o->note = more;
		o->notes_size = size;
	}
	if (asprintf(&line, "%s: %s: %s\n", r->row.ident.name, view_state(r), note) < 0)
		return false;
	o->note[o->notes++] = line;
	return true;
}

static int by_text(const void *a, const void *b)
{
	char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* Groups are in the specifications, thousands of small files: only who wants to know more pays for
 * them. */
static unsigned columns_for(const struct instance *in, struct view *v, bool verbose)
{
	char **groups = NULL;
	struct fault f;
	size_t n = 0;

	if (!verbose || group_all(&in->home, &groups, &n, &f) < 0)
		return COLUMN_STATUS;
	group_free(groups, n);
	v->home = n ? &in->home : NULL;
	return n ? COLUMN_STATUS | COLUMN_GROUP : COLUMN_STATUS;
}

static bool collect(const struct instance *in, struct overview *o, struct view *v, bool verbose)
{
	uint32_t high = pt_high(in->pt);
	struct view_row r;
	unsigned sets;

	view_begin(in, v);
	sets = columns_for(in, v, verbose);
	o->table = columntable_new(sets);
	if (!o->table)
		return false;
	for (uint32_t slot = 0; slot < high; slot++) {
		if (view_read(in, v, slot, &r) < 0)
			continue;
		summary_count(&o->sum, &r);
		columntable_add(o->table, v, &r, sets);
		if (!add_note(o, v, &r))
			return false;
	}
	return texttable_whole(o->table);
}

static void print_foreign(const struct home *h)
{
	struct foreign f;

	foreign_load(h, &f);
	for (size_t i = 0; i < f.n; i++)
		printf("%s: runs as process %d, not supervised: mcp_mesh_dev has started it\n",
			f.entry[i]->string, foreign_pid(f.entry[i]));
	foreign_done(&f);
}

static void print(struct overview *o, const struct view *v, const struct home *h, bool verbose)
{
	summary_headline(stdout, &o->sum, v, paint);
	summary_agents(stdout, &o->sum, v);
	if (o->sum.n) {
		texttable_sort(o->table);
		texttable_print(o->table, term_width());
	}
	if (o->notes)
		qsort(o->note, o->notes, sizeof(*o->note), by_text);
	for (size_t i = 0; i < o->notes; i++)
		fputs(o->note[i], stdout);
	print_foreign(h);
	if (verbose)
		summary_performance(stdout, &o->sum);
	if (verbose || o->sum.agents)
		summary_registry(stdout, v);
	summary_trust(stdout, v, verbose);
}

int overview_print(bool verbose)
{
	struct instance in = INSTANCE_NONE;
	struct overview o = { 0 };
	struct fault f = { "" };
	struct view v;
	int r = instance_open(&in, NULL, PT_READER, &f), status = EXIT_OK;

	if (r == -ENOENT && instance_tableless(&in.home, &f)) {
		status = out_fail("%s", f.text);
	} else if (r == -ENOENT) {
		size_t left = instance_left(&in.home);

		if (left)
			printf("not running, but %zu of its processes %s: \"tend start\" takes %s over\n",
				left, left == 1 ? "is" : "are", left == 1 ? "it" : "them");
		else
			printf("not running\n");
		print_foreign(&in.home);
	} else if (r < 0) {
		status = out_fail("%s", f.text);
	} else if (collect(&in, &o, &v, verbose)) {
		print(&o, &v, &in.home, verbose);
	} else {
		status = out_fail("out of memory");
	}
	while (o.notes)
		free(o.note[--o.notes]);
	free(o.note);
	texttable_free(o.table);
	instance_close(&in);
	return status;
}
