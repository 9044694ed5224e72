/* tend logs - what processes wrote, current and archived files as one. Subcommands: export, size,
 * rotate; --verify. */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/home.h"
#include "base/io.h"
#include "base/regex.h"
#include "cli/cmd_logs_rotate.h"
#include "cli/logfiles.h"
#include "cli/logshow.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/tell.h"
#include "client/instance.h"
#include "client/logname.h"
#include "client/ownlogs.h"

#define LINES_DEFAULT 50

struct args {
	struct logshow show;
	bool lines_given, level_given, previous, verify, json;
	const char *agent, *output, *format, *regex;
	regex_t compiled;
};

enum {
	O_AGENT = 256,
	O_LEVEL,
	O_FILTER,
	O_REGEX,
	O_SINCE,
	O_UNTIL,
	O_PREVIOUS,
	O_VERIFY,
	O_OUTPUT,
	O_FORMAT
};

static const struct option options[] = { { "agent", required_argument, NULL, O_AGENT },
	{ "follow", no_argument, NULL, 'f' }, { "lines", required_argument, NULL, 'n' },
	{ "level", required_argument, NULL, O_LEVEL },
	{ "filter", required_argument, NULL, O_FILTER },
	{ "regex", required_argument, NULL, O_REGEX },
	{ "since", required_argument, NULL, O_SINCE },
	{ "until", required_argument, NULL, O_UNTIL }, { "json", no_argument, NULL, 'j' },
	{ "previous", no_argument, NULL, O_PREVIOUS }, { "verify", no_argument, NULL, O_VERIFY },
	{ "output", required_argument, NULL, O_OUTPUT },
	{ "format", required_argument, NULL, O_FORMAT }, { 0 } };

static bool compile(struct args *a, const char *text)
{
	struct fault f = { "" };

	if (a->regex) /* the last one counts */
		regfree(&a->compiled);
	a->regex = NULL;
	if (regex_compile(&a->compiled, text, 0, &f) < 0) {
		out_misuse("--regex %s: %s", text, f.text);
		return false;
	}
	a->regex = text;
	a->show.query.regex = &a->compiled;
	return true;
}

static bool take(struct args *a, int opt)
{
	struct log_query *q = &a->show.query;

	switch (opt) {
	case O_AGENT:
		a->agent = optarg;
		return true;
	case 'f':
		a->show.follow = true;
		return true;
	case 'n':
		a->lines_given = true;
		return logshow_lines(optarg, &a->show.lines);
	case O_LEVEL:
		a->level_given = true;
		return logshow_level(optarg, &q->min_level);
	case O_FILTER:
		q->text = *optarg ? optarg : NULL;
		q->text_len = strlen(optarg);
		return true;
	case O_REGEX:
		return compile(a, optarg);
	case O_SINCE:
		return logshow_time("--since", optarg, &q->since_ns);
	case O_UNTIL:
		return logshow_time("--until", optarg, &q->until_ns);
	case 'j':
		a->json = true;
		return true;
	case O_PREVIOUS:
		a->previous = true;
		return true;
	case O_VERIFY:
		a->verify = true;
		return true;
	case O_OUTPUT:
		a->output = optarg;
		return true;
	default:
		a->format = optarg;
		return true;
	}
}

/* The run before the last restart, of the one process that was named. */
static bool find_previous(struct args *a, char *const *names, size_t n, int *status)
{
	struct instance in = INSTANCE_NONE;
	struct pt_row row;
	bool found;

	if (n != 1 || a->show.follow) {
		*status = out_misuse(n != 1 ? "--previous needs the name of one process"
					    : "--previous and --follow contradict each other");
		return false;
	}
	found = instance_open(&in, NULL, PT_READER, NULL) == 0 &&
		pt_find(in.pt, names[0], &row) == 0;
	instance_close(&in);
	if (!found || row.life.life < 2) {
		*status = found
			? out_fail("%s has not been restarted: there is no run before this one",
				  names[0])
			: out_fail("no table knows the runs of %s", names[0]);
		return false;
	}
	/* Runs are counted anew with each row: what lies in front of it is of others with the same
	 * number. */
	if (a->show.query.since_ns < row.ident.created_real_ns)
		a->show.query.since_ns = row.ident.created_real_ns;
	a->show.query.life = row.life.life - 1;
	return true;
}

static bool export_form(struct args *a)
{
	const char *f = a->format;

	if (!f || strcmp(f, "raw") == 0)
		a->show.form = LOGLINE_RAW;
	else if (strcmp(f, "text") == 0)
		a->show.form = LOGLINE_AGGREGATE;
	else if (strcmp(f, "json") == 0)
		a->show.form = LOGLINE_JSON;
	else if (strcmp(f, "csv") == 0)
		a->show.form = LOGLINE_CSV;
	else {
		out_misuse("--format %s: there are raw, text, json and csv", f);
		return false;
	}
	return true;
}

/* Opening it for writing would empty it before it is read. */
static bool is_one_of_them(const struct logplaces *p, const char *path)
{
	struct stat out, in;
	bool ret = false;

	if (stat(path, &out) < 0)
		return false;
	for (size_t i = 0; !ret && i < p->n; i++) {
		struct segments s;

		if (segments_open(p->list[i].dirfd, p->list[i].stem, 0, SEGMENTS_OPEN, NULL, &s,
			    NULL) < 0)
			continue;
		for (size_t k = 0; !ret && k < s.n; k++)
			ret = fstat(s.list[k].fd, &in) == 0 && in.st_ino == out.st_ino &&
				in.st_dev == out.st_dev;
		segments_close(&s);
	}
	return ret;
}

/* Where the file is, or would be made; links followed. */
static bool resolve(const char *path, char buf[static PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	char *folder;
	bool ret;

	if (realpath(path, buf))
		return true;
	folder = slash == path ? strdup("/")
		: slash	       ? strndup(path, (size_t)(slash - path))
			       : strdup(".");
	ret = folder && realpath(folder, buf) != NULL;
	free(folder);
	return ret;
}

/* Whatever it is called there: what is in the home is tend's, and would be taken for it. */
static bool is_in_home(const char *path)
{
	char wanted[PATH_MAX], home[PATH_MAX], target[PATH_MAX];
	struct fault f;
	size_t len;

	if (home_wanted(NULL, wanted, &f) < 0 || !realpath(wanted, home) || !resolve(path, target))
		return false;
	len = strlen(home);
	return strncmp(target, home, len) == 0 && (target[len] == '/' || target[len] == 0);
}

/* Standard output goes into it. Logs may hold secrets: a new file is for its owner alone. */
static int redirect(const char *path)
{
	int fd, r = EXIT_OK;

	if (is_in_home(path))
		return out_fail("%s is in tend's own folder; export to another", path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0600);
	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0)
		r = out_fail("%s: %m", path);
	io_close(&fd);
	return r;
}

/* All lines, also those below INFO, exactly as they were written. */
static int export(struct args *a, struct logplaces *p)
{
	if (!export_form(a))
		return EXIT_MISUSE;
	if (a->output && is_one_of_them(p, a->output))
		return out_fail("%s is one of the files to export", a->output);
	if (a->output && redirect(a->output) != EXIT_OK)
		return EXIT_FAIL;
	a->show.whole = true; /* who keeps a copy must not take a part for it */
	return logshow(&a->show, p);
}

static int show(struct args *a, struct logplaces *p, size_t names)
{
	struct outcomes oc = tell_begin(false);
	size_t others = 0;

	if (!a->previous) /* which run wrote a line of it nobody knows */
		ownlogs_add(&oc, p, names == 0, a->show.follow);
	for (size_t i = 1; i < p->n; i++) {
		char first[256], other[256];

		others += strcmp(logname_process(logplaces_label(&p->list[0]), first),
				  logname_process(logplaces_label(&p->list[i]), other)) != 0;
	}
	a->show.form = a->json	       ? LOGLINE_JSON
		: others || names == 0 ? LOGLINE_NAMED
				       : LOGLINE_PLAIN;
	a->show.every = names == 0;
	if (p->n == 0 && !a->show.follow && !a->json)
		out_warn("no process has written anything so far");
	return logshow(&a->show, p);
}

static bool is_word(const char *arg, const char *word)
{
	return arg && strcmp(arg, word) == 0;
}

static int run_parsed(struct args *a, const char *verb, char **names, size_t n)
{
	struct outcomes oc = tell_begin(false);
	struct logplaces p;
	int status = EXIT_MISUSE;

	if ((a->output || a->format) && !is_word(verb, "export"))
		return out_misuse("--output and --format belong to \"tend logs export\"");
	if (a->show.follow && a->show.query.until_ns)
		return out_misuse("--until and --follow contradict each other");
	if (!logshow_range(&a->show.query) || (a->previous && !find_previous(a, names, n, &status)))
		return status;
	status = EXIT_FAIL;
	if (logplaces_find(&oc, NULL, names, n, false, &p)) {
		if (is_word(verb, "size"))
			status = logfiles_size(&p, a->json);
		else if (a->verify)
			status = logfiles_verify(&p, a->json);
		else
			status = is_word(verb, "export") ? export(a, &p) : show(a, &p, n);
	}
	logplaces_done(&p);
	return status;
}

/* verb: "export", "size", or NULL; operands begin at optind. */
static int run_options(struct args *a, const char *verb, int argc, char **argv)
{
	size_t n = (size_t)(argc - optind);
	char **names = calloc(n + 1, sizeof(*names));
	int status;

	if (!names)
		return out_fail("out of memory");
	/* With a range, or for an export, everything in it is wanted. */
	if (!a->lines_given &&
		(a->show.query.since_ns || a->show.query.until_ns || a->previous || verb))
		a->show.lines = 0;
	if (verb && !a->level_given)
		a->show.query.min_level = LOG_LEVEL_DEBUG;
	memcpy(names, argv + optind, n * sizeof(*names));
	if (a->agent)
		names[n++] = (char *)(uintptr_t)a->agent;
	status = run_parsed(a, verb, names, n);
	free(names);
	return status;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct args a = { .show = { .query = { .min_level = LOG_LEVEL_INFO },
				  .lines = LINES_DEFAULT } };
	const char *verb = argc > 1 && (is_word(argv[1], "export") || is_word(argv[1], "size"))
		? argv[1]
		: NULL;
	int opt, status;

	if (argc > 1 && is_word(argv[1], "rotate"))
		return cmd_logs_rotate(argc - 1, argv + 1);
	if (verb) {
		argc--;
		argv++;
	}
	while ((opt = opts_next_short(self, argc, argv, options, ":hqfn:")) >= 0)
		if (!take(&a, opt)) {
			opt = OPT_BAD;
			break;
		}
	status = opt == OPT_END ? run_options(&a, verb, argc, argv) : opts_status(opt);
	if (a.regex)
		regfree(&a.compiled);
	return status;
}

const struct command cmd_logs = {
	.name = "logs",
	.summary = "what processes wrote",
	.usage = "[NAME...] [--follow] [--lines N] [--level LEVEL] [--json]\n"
		 "[NAME...] [--filter TEXT | --regex RE] [--since T] [--until T]\n"
		 "[NAME...] [--previous] [--json]\n"
		 "[NAME...] --verify\n"
		 "export [NAME...] [--output FILE] [--format raw|text|json|csv]\n"
		 "size [NAME...]\n"
		 "rotate [NAME...]",
	.help = "Without names: of all processes, merged by time. Current and archived files are\n"
		"one. A line without a level belongs to the entry above it. NAME may also be\n"
		"'api-*' or @GROUP. Of an agent also the log that it writes itself: NAME.log in\n"
		"its folder, else mcp_mesh_NAME.log in its $TMPDIR, else logs/NAME.log beside its\n"
		"registry's database.\n"
		"\n"
		"  --agent NAME      the same as NAME\n"
		"  -f, --follow      go on until Ctrl-C\n"
		"  -n, --lines N     the newest N lines (default 50; all of a range); 0 = all\n"
		"  --level LEVEL     this level and above: DEBUG, INFO (default), WARNING, ERROR,\n"
		"                    CRITICAL\n"
		"  --filter TEXT     lines that contain TEXT\n"
		"  --regex RE        lines that match an extended regular expression; \\d, \\w, \\s\n"
		"                    work\n"
		"  --since T         T: 10m, 2h, today, yesterday, \"2026-11-24 10:00\", RFC 3339\n"
		"  --until T         and not after T (not with --follow)\n"
		"  --previous        the run before the last restart\n"
		"  --json            one JSON object on each line\n"
		"  --output FILE     export: into this file (0600), not in tend's own folder\n"
		"  --format FORM     export: raw (default), text, json or csv\n"
		"  --verify          compare the files with what was captured; says what is\n"
		"                    missing\n"
		"\n"
		"export writes all lines exactly as they are, to FILE or stdout, and exits with 1\n"
		"if anything is damaged. size shows what the files take, ARCHIVED before and\n"
		"PACKED after compression. rotate begins new files. On a terminal control\n"
		"characters are made visible, and lines are cut at 64 KB.\n"
		"\n"
		"Examples:\n"
		"  tend logs web --since 10m --level WARNING\n"
		"  tend logs --follow\n"
		"  tend logs export web --output web.txt\n",
	.run = run,
};
