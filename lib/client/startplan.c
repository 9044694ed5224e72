/* client/startplan.c - what a start will ask for (client/startplan.h). */
#include "client/startplan.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/foreign.h"
#include "client/group.h"
#include "client/place.h"

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

/* Two files that would share a name. False: reported. */
static bool check_clash(struct outcomes *oc, const struct plan *p, const struct agent *a)
{
	for (size_t i = 0; i < p->n; i++) {
		if (strcmp(p->ask[i].req.name, a->name) != 0 || !p->file[i] ||
			place_same(p->file[i], a->file))
			continue;
		outcome_complain(oc,
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

	if (access(file, F_OK) < 0 || spec_load(in->home.specs_fd, stored, &s, NULL) < 0)
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
static void leave_out(struct outcomes *oc, const char *what, const char *why, bool named)
{
	outcome_add(oc, what, OUTCOME_FAILED, 0, why);
	if (named)
		outcome_complain(oc, "%s", why);
	else
		outcome_complain(oc, "cannot start %s: %s", what, why);
}

/* One operand. False: the whole command is wrong (said); an operand that alone is wrong is said and
 * left out. */
static bool plan_operand(struct outcomes *oc, struct plan *p, struct startspec *s,
	const struct instance *in, const char *operand)
{
	struct fault f = { "" };
	struct agent a;
	char *text = NULL;

	p->wanted++;
	if (is_stored(in, operand)) {
		if (s->shaped) {
			outcome_complain(oc,
				"%s is started as it was before; options that change how need the FILE or COMMAND again",
				operand);
			return false;
		}
		plan_add(p, operand, NULL, NULL);
		return true;
	}
	if (agentfile_look(s->shell->env, operand, s->name, &a, &f) == 0) {
		if (!check_clash(oc, p, &a))
			return false;
		if (foreign_complain(oc, &in->home, a.name)) {
			outcome_add(oc, operand, OUTCOME_FAILED, 0,
				"mcp_mesh_dev has started it already");
			return true;
		}
		text = startspec_agent(s, &a, &f);
		if (text && a.passed_over[0])
			outcome_complain(oc,
				"%s is run by %s, as its suffix says; its #! line names %s (\"tend start --name %s -- %s\" runs it by that)",
				operand, a.exe, a.passed_over, a.name, a.file);
	}
	if (text)
		plan_add(p, a.name, text, a.file);
	else
		leave_out(oc, operand, f.text, true);
	return true;
}

/* All that is known of a group, as each was started before. left: operands from here on. */
static bool plan_group(struct outcomes *oc, struct plan *p, const struct startspec *s,
	const struct instance *in, const char *operand, size_t left)
{
	struct fault f = { "" };
	char **names = NULL;
	size_t n = 0, before = p->n;
	bool good = group_members(&in->home, operand, &names, &n, &f) == 0;

	if (!good)
		outcome_complain(oc, "%s", f.text);
	else if (n == 0)
		group_empty(oc, operand);
	else if (s->shaped)
		outcome_complain(oc,
			"%s are started as they were before; options that change how need the FILE or COMMAND again",
			operand);
	else if (!plan_grow(p, n + left))
		outcome_complain(oc, "out of memory");
	else
		for (size_t i = 0; i < n; i++)
			plan_add(p, names[i], NULL, NULL);
	good = good && n && p->n > before;
	p->wanted += n;
	group_free(names, n);
	return good;
}

static bool plan_command(struct outcomes *oc, struct plan *p, struct startspec *s, char **command)
{
	struct fault f = { "" };
	char *text = startspec_command(s, command, &f);

	p->wanted++;
	if (text)
		plan_add(p, s->name, text, NULL);
	else
		leave_out(oc, s->name, f.text, false);
	return text != NULL;
}

bool plan_make(struct outcomes *oc, struct plan *p, struct startspec *s, const struct instance *in,
	char **operand, size_t n, char **command)
{
	bool ok = true;

	*p = (struct plan){ .ask = calloc(n + 1, sizeof(*p->ask)),
		.file = calloc(n + 1, sizeof(*p->file)) };
	if (!p->ask || !p->file) {
		outcome_complain(oc, "out of memory");
		return false;
	}
	for (size_t i = 0; ok && i < n; i++)
		ok = group_is(operand[i]) ? plan_group(oc, p, s, in, operand[i], n - i)
					  : plan_operand(oc, p, s, in, operand[i]);
	return command ? plan_command(oc, p, s, command) : ok;
}

bool plan_has_agents(const struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->file[i])
			return true;
	return false;
}

bool plan_tell(struct outcomes *oc, struct plan *p, struct startspec *s, char **variables)
{
	struct fault f = { "" };
	struct agent a;

	if (startspec_tell(s, variables) < 0) {
		outcome_complain(oc, "out of memory");
		return false;
	}
	for (size_t i = 0; i < p->n; i++) {
		if (!p->file[i])
			continue;
		free(p->ask[i].spec_text);
		p->ask[i].spec_text = NULL;
		if (agentfile_look(s->shell->env, p->file[i], p->ask[i].req.name, &a, &f) == 0)
			p->ask[i].spec_text = startspec_agent(s, &a, &f);
		if (!p->ask[i].spec_text) {
			outcome_complain(oc, "%s", f.text);
			return false;
		}
	}
	return true;
}
