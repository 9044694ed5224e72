/* client/checks_stored.c - what "tend doctor" says of what is on the disk: specifications and
 * processes.json, without which nothing comes back after a stop or a boot (client/checks.h). */
#include <errno.h>
#include <string.h>

#include "client/checks.h"
#include "config/spec.h"
#include "config/wishes.h"

/* Fills f if it can't be used. A home without the folder has none. */
static int look_at_spec(const struct home *h, const char *name, struct fault *f)
{
	char file[NAME_MAX_BYTES + 8];
	struct spec s = { 0 };
	int r;

	spec_file_name(name, file);
	r = h->specs_fd < 0 ? fault_errno(f, -ENOENT, "cannot read specs/%s", file)
			    : spec_load(h->specs_fd, file, &s, f);
	if (r == 0)
		spec_done(&s);
	return r;
}

static void check_known(struct findings *found, const struct instance *in, const struct view_row *r)
{
	const char *name = r->row.ident.name;
	struct fault f = { "" };
	struct pt_row row;

	/* removed since the copy: then the table knows by now */
	if (look_at_spec(&in->home, name, &f) < 0 && pt_find(in->pt, name, &row) == 0)
		finding_problem(found,
			"%s: %s; it can't be started again; \"tend remove %s\", and a start with its FILE or COMMAND, write a new one",
			name, f.text, name);
}

/* What is to be up and is not supervised: it could not be taken over. */
static void check_wanted(struct findings *found, const struct instance *in, const char *name)
{
	struct fault f = { "" };
	struct pt_row row;

	if (pt_find(in->pt, name, &row) == 0)
		return;
	if (look_at_spec(&in->home, name, &f) < 0)
		finding_problem(found, "%s: it is to be up and is not: %s", name, f.text);
	else
		finding_problem(found, "%s: it is to be up and is not; \"tend start %s\" starts it",
			name, name);
}

void checks_stored(struct findings *found, const struct instance *in, const struct view *v)
{
	struct desired d = { 0 };
	struct fault f = { "" };

	for (size_t i = 0; i < v->n; i++)
		check_known(found, in, &v->row[i]);
	if (desired_load_wished(&in->home, &d, &f) < 0)
		finding_problem(found, "%s%s", f.text,
			v->present ? "; the next start, stop or removal writes a new one" : "");
	for (size_t i = 0; v->present && i < d.n; i++)
		if (d.entry[i].up)
			check_wanted(found, in, d.entry[i].name);
	desired_done(&d);
}
