/* cli/startplan.c - what a start will ask for (cli/startplan.h). */
#include "cli/startplan.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/acts.h"
#include "cli/foreign.h"
#include "cli/group.h"
#include "cli/out.h"
#include "cli/place.h"

void plan_done(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->ask[i].spec_text);
		free(p->file[i]);
	}
	free(p->ask);
	free(p->file);
}

/* Room for so many more. */
static bool plan_grow(struct plan *p, size_t more)
{
	struct ask *ask = reallocarray(p->ask, p->n + more, sizeof(*ask));
	char **file;

	if (!ask)
		return false;
	p->ask = ask;
	file = reallocarray(p->file, p->n + more, sizeof(*file));
	if (!file)
		return false;
	p->file = file;
	return true;
}

/* text is taken over. */
static void plan_add(struct plan *p, const char *name, char *text, const char *file)
{
	struct ask *a = &p->ask[p->n];

	ask_fill(a, PT_COMMAND_START, name, 0);
	a->spec_text = text;
	if (text)
		snprintf(a->req.spec, sizeof(a->req.spec), ".new-%d-%zu.json", (int)getpid(), p->n);
	p->file[p->n] = file ? strdup(file) : NULL;
	p->n++;
}

/* Two files that would share a name. False: said. */
static bool check_clash(const struct plan *p, const struct agent *a)
{
	for (size_t i = 0; i < p->n; i++) {
		if (strcmp(p->ask[i].req.name, a->name) != 0 || !p->file[i] ||
			place_same(p->file[i], a->file))
			continue;
		out_fail(
			"%s and %s would both be called %s; start one of them by itself with --name",
			p->file[i], a->file, a->name);
		return false;
	}
	return true;
}

/* Is this the file that the stored process is run from? */
static bool is_own_file(const struct instance *in, const char *stored, const char *file)
{
	struct spec s = { 0 };
	bool own;

	if (spec_load(in->home.specs_fd, stored, &s, NULL) < 0)
		return false;
	own = s.file && place_same(s.file, file);
	spec_done(&s);
	return own;
}

/* Does this operand mean a process that was started before? Then not a file that happens to lie in
 * the current folder under its name, and may be another user's; but its own file does, for which
 * options may be given. */
static bool is_stored(const struct instance *in, const char *operand)
{
	char file[NAME_MAX_BYTES + 8];
	struct stat st;

	if (strchr(operand, '/') || name_check(operand, NULL) < 0 || in->home.specs_fd < 0)
		return false;
	spec_file_name(operand, file);
	return fstatat(in->home.specs_fd, file, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		!is_own_file(in, file, operand);
}

/* It can't be started, for this reason, which names a FILE itself but no COMMAND. */
static void leave_out(const char *what, const char *why, bool named)
{
	acts_note(what, "failed", 0, why);
	if (named)
		out_fail("%s", why);
	else
		out_fail("cannot start %s: %s", what, why);
}

/* One operand. False: the whole command is wrong (said); an operand that alone is wrong is said and
 * left out. */
static bool plan_operand(
	struct plan *p, struct startopts *o, const struct instance *in, const char *operand)
{
	struct fault f = { "" };
	struct agent a;
	char *text = NULL;

	p->wanted++;
	if (is_stored(in, operand)) {
		if (o->shaped) {
			out_fail(
				"%s is started as it was before; options that change how need the FILE or COMMAND again",
				operand);
			return false;
		}
		plan_add(p, operand, NULL, NULL);
		return true;
	}
	if (agentfile_look(operand, o->name, &a, &f) == 0) {
		if (!check_clash(p, &a))
			return false;
		if (foreign_complain(&in->home, a.name)) {
			acts_note(operand, "failed", 0, "mcp_mesh_dev has started it already");
			return true;
		}
		text = startopts_agent(o, &a, &f);
		if (text && a.passed_over[0])
			out_warn(
				"%s is run by %s, as its suffix says; its #! line names %s (\"tend start --name %s -- %s\" runs it by that)",
				operand, a.exe, a.passed_over, a.name, a.file);
	}
	if (text)
		plan_add(p, a.name, text, a.file);
	else
		leave_out(operand, f.text, true);
	return true;
}

/* All that is known of a group, as each was started before. left: operands from here on. */
static bool plan_group(struct plan *p, const struct startopts *o, const struct instance *in,
	const char *operand, size_t left)
{
	struct fault f = { "" };
	char **names = NULL;
	size_t n = 0;
	int r = group_members(&in->home, operand, &names, &n, &f);

	if (r == 0 && n == 0)
		r = group_empty(operand);
	else if (r == 0 && o->shaped)
		r = out_fail(
			"%s are started as they were before; options that change how need the FILE or COMMAND again",
			operand);
	else if (r < 0)
		out_fail("%s", f.text);
	else if (!plan_grow(p, n + left))
		r = out_fail("out of memory");
	for (size_t i = 0; r == 0 && i < n; i++)
		plan_add(p, names[i], NULL, NULL);
	p->wanted += n;
	group_free(names, n);
	return r == 0;
}

static bool plan_command(struct plan *p, struct startopts *o, char **command)
{
	struct fault f = { "" };
	char *text = startopts_command(o, command, &f);

	p->wanted++;
	if (text)
		plan_add(p, o->name, text, NULL);
	else
		leave_out(o->name, f.text, false);
	return text != NULL;
}

bool plan_make(struct plan *p, struct startopts *o, const struct instance *in, char **operand,
	size_t n, char **command)
{
	bool ok = true;

	*p = (struct plan){ .ask = calloc(n + 1, sizeof(*p->ask)),
		.file = calloc(n + 1, sizeof(*p->file)) };
	if (!p->ask || !p->file) {
		out_fail("out of memory");
		return false;
	}
	for (size_t i = 0; ok && i < n; i++)
		ok = group_is(operand[i]) ? plan_group(p, o, in, operand[i], n - i)
					  : plan_operand(p, o, in, operand[i]);
	return command ? plan_command(p, o, command) : ok;
}

bool plan_has_agents(const struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->file[i])
			return true;
	return false;
}

bool plan_tell(struct plan *p, struct startopts *o, char **variables)
{
	struct fault f = { "" };
	struct agent a;

	if (!startopts_variables(o, variables))
		return false;
	for (size_t i = 0; i < p->n; i++) {
		if (!p->file[i])
			continue;
		free(p->ask[i].spec_text);
		p->ask[i].spec_text = NULL;
		if (agentfile_look(p->file[i], p->ask[i].req.name, &a, &f) == 0)
			p->ask[i].spec_text = startopts_agent(o, &a, &f);
		if (!p->ask[i].spec_text) {
			out_fail("%s", f.text);
			return false;
		}
	}
	return true;
}
