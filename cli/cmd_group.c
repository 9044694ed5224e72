/* tend group - groups of processes: listing them, and putting processes into one or out of it,
 * whether they run or not (client/group.h). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/printjson.h"
#include "cli/program.h"
#include "cli/tell.h"
#include "client/group.h"
#include "client/like.h"
#include "client/pick.h"
#include "term/texttable.h"
#include "words/doc.h"

static int members_of(
	const struct home *h, const char *group, char ***ret, size_t *ret_n, struct fault *f)
{
	char operand[NAME_MAX_BYTES + 1];

	snprintf(operand, sizeof(operand), "@%s", group);
	return group_members(h, operand, ret, ret_n, f);
}

/* Members as "a, b, c". */
static bool add_row(struct texttable *t, const struct home *h, const char *group)
{
	char count[24], **names, *text, *at;
	struct fault f = { "" };
	size_t n;
	bool ok;

	if (members_of(h, group, &names, &n, &f) < 0)
		return false;
	at = text = malloc(n * (NAME_MAX_BYTES + 2) + 1);
	for (size_t i = 0; text && i < n; i++)
		at += sprintf(at, "%s%s", i ? ", " : "", names[i]);
	snprintf(count, sizeof(count), "%zu", n);
	ok = text && texttable_cell(t, group, false, TERM_PLAIN) &&
		texttable_cell(t, count, true, TERM_PLAIN) &&
		texttable_cell(t, text, false, TERM_PLAIN);
	free(text);
	group_free(names, n);
	return ok;
}

static int print_text(const struct home *h, char *const *groups, size_t n)
{
	struct texttable *t = n ? texttable_new(3) : NULL;
	bool ok = n == 0 ||
		(t && texttable_cell(t, "GROUP", false, TERM_BOLD) &&
			texttable_cell(t, "COUNT", true, TERM_BOLD) &&
			texttable_cell(t, "NAMES", false, TERM_BOLD));

	if (n == 0)
		printf("no process is in a group; \"%s group GROUP NAME\" puts one there\n",
			program_name());
	for (size_t i = 0; ok && i < n; i++)
		ok = add_row(t, h, groups[i]);
	if (ok && n)
		texttable_print(t, term_width());
	texttable_free(t);
	return ok ? EXIT_OK : out_fail("out of memory");
}

static int print_json(const struct home *h, char *const *groups, size_t n)
{
	struct doc_group *g = calloc(n + 1, sizeof(*g));
	struct json_out o = { .error = g ? 0 : -ENOMEM };
	struct fault f = { "" };

	for (size_t i = 0; g && i < n; i++) {
		char **members = NULL;

		g[i].name = groups[i];
		if (members_of(h, groups[i], &members, &g[i].n, &f) < 0)
			o.error = -ENOMEM;
		g[i].member = members;
	}
	if (g)
		doc_groups(&o, g, n);
	for (size_t i = 0; g && i < n; i++)
		group_free((char **)(uintptr_t)g[i].member, g[i].n);
	free(g);
	return printjson(&o);
}

/* only: that group; NULL: all. */
static int list(struct outcomes *oc, const struct home *h, const char *only, bool json)
{
	struct fault f = { "" };
	char **groups;
	size_t n;
	int status;

	if (only) {
		char operand[NAME_MAX_BYTES + 1], *one = (char *)(uintptr_t)only;

		snprintf(operand, sizeof(operand), "@%s", only);
		if (group_members(h, operand, &groups, &n, &f) < 0)
			return out_fail("%s", f.text);
		group_free(groups, n);
		if (n == 0)
			group_empty(oc, operand);
		return n == 0 ? EXIT_FAIL : json ? print_json(h, &one, 1) : print_text(h, &one, 1);
	}
	if (group_all(h, &groups, &n, &f) < 0)
		return out_fail("%s", f.text);
	status = json ? print_json(h, groups, n) : print_text(h, groups, n);
	group_free(groups, n);
	return status;
}

static bool change(struct outcomes *oc, const struct home *h, const char *name, const char *group)
{
	char words[NAME_MAX_BYTES + 40];
	struct fault f = { "" };
	int r = group_put(h, name, group, oc->watcher, &f);

	if (r < 0) {
		outcome_add(oc, name, OUTCOME_FAILED, 0, f.text);
		outcome_complain(oc, "%s", f.text);
		return false;
	}
	snprintf(words, sizeof(words), "%s in %s%s", r ? "now" : "already",
		group[0] ? "the group " : "no group", group);
	outcome_add(oc, name, r ? OUTCOME_CHANGED : OUTCOME_UNCHANGED, 0, words);
	return true;
}

/* Names of processes, as they are stored: they need not run, and neither need tend. */
static int change_all(struct outcomes *oc, const struct home *h, const char *group,
	char *const *operand, size_t operands)
{
	char **names, *meant;
	struct fault f = { "" };
	int status = EXIT_OK;
	size_t n;

	if (group_members(h, NULL, &names, &n, &f) < 0)
		return TELL_FAIL(oc, "%s", f.text);
	meant = calloc(n + 1, 1);
	if (!meant) {
		group_free(names, n);
		return TELL_FAIL(oc, "out of memory");
	}
	for (size_t i = 0; i < operands; i++) {
		struct like like = LIKE(operand[i]);
		bool found = false;

		for (size_t k = 0; k < n; k++) {
			like_try(&like, names[k]);
			if (pick_matches(h, operand[i], names[k])) {
				found = true;
				meant[k] = 1;
			}
		}
		if (found)
			continue;
		status = EXIT_FAIL;
		if (group_is(operand[i]))
			group_empty(oc, operand[i]);
		else
			pick_unlike(oc, h, operand[i], like.best);
	}
	for (size_t k = 0; k < n; k++)
		if (meant[k] && !change(oc, h, names[k], group))
			status = EXIT_FAIL;
	group_free(names, n);
	free(meant);
	return status;
}

static int carry_out(
	struct outcomes *oc, const char *group, bool json, char *const *operand, size_t n)
{
	struct home h = HOME_INIT;
	struct fault f = { "" };
	int r = home_open(NULL, HOME_READ, &h, &f), status;

	if (r < 0 && r != -ENOENT)
		status = TELL_FAIL(oc, "%s", f.text);
	else
		status = n ? change_all(oc, &h, group, operand, n)
			   : list(oc, &h, group[0] ? group : NULL, json);
	home_close(&h);
	return status;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "none", no_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' }, { 0 } };
	bool json = false, none = false, acts;
	struct outcomes oc;
	const char *group = ""; /* none, or with no names all */
	struct fault f = { "" };
	int opt;

	while ((opt = opts_next(self, argc, argv, options)) >= 0) {
		none = none || opt == 'n';
		json = json || opt == 'j';
	}
	if (opt != OPT_END)
		return opts_status(opt);
	if (!none && optind < argc) {
		group = argv[optind++];
		group += group_is(group); /* "@GROUP" is understood as well */
		if (name_check(group, &f) < 0)
			return out_misuse("GROUP: %s", f.text);
	}
	if (none && optind == argc)
		return out_misuse("NAME missing");
	acts = optind < argc;
	oc = tell_begin(acts && json);
	return tell_finish(&oc, self, acts && json,
		carry_out(&oc, group, json, argv + optind, (size_t)(argc - optind)));
}

const struct command cmd_group = {
	.name = "group",
	.summary = "list the groups, or put processes into one",
	.usage = "[GROUP] [--json]\nGROUP NAME... [--json]\n--none NAME... [--json]",
	.help = "Where names are asked for, @GROUP means all processes of it. A process is in one\n"
		"group at most; the option of that name of tend start puts it there as well. It\n"
		"need not run, and if it does, it runs on.\n"
		"\n"
		"  --none  take them out of the group in which they are\n"
		"  --json  one JSON document: the groups with their members, or what became of\n"
		"          each\n"
		"\n"
		"Examples:\n"
		"  tend group web api-1 'front-*'\n"
		"  tend restart @web\n",
	.run = run,
};
