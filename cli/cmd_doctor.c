/*
 * tend doctor - is everything as it should be, and if not, what to do. Checks what no single daemon
 * can see: whether home, table, daemons and processes agree.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "cli/checks.h"
#include "cli/doc.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/printjson.h"
#include "shm/explain.h"

static unsigned problems;

/* With --json, what was found; else it is printed as it is found. */
static struct {
	bool wanted, lost; /* lost: no memory for one */
	struct doc_finding *list;
	size_t n;
} findings;

static void keep(const char *level, const char *text)
{
	struct doc_finding *more = reallocarray(findings.list, findings.n + 1, sizeof(*more));
	char *copy = strdup(text);

	if (more)
		findings.list = more;
	if (more && copy)
		more[findings.n++] = (struct doc_finding){ .level = level, .text = copy };
	else
		free(copy);
	findings.lost = findings.lost || !more || !copy;
}

static void tell(const char *mark, const char *level, const char *fmt, va_list args)
	__attribute__((format(printf, 3, 0)));
static void tell(const char *mark, const char *level, const char *fmt, va_list args)
{
	char text[2048];

	vsnprintf(text, sizeof(text), fmt, args);
	if (findings.wanted)
		keep(level, text);
	else
		printf("  %-8s %s\n", mark, text);
}

void checks_fine(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tell("ok", "ok", fmt, args);
	va_end(args);
}

void checks_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tell("note", "note", fmt, args);
	va_end(args);
}

void checks_problem(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tell("PROBLEM", "problem", fmt, args);
	va_end(args);
	problems++;
}

/* The decoder takes any file, so it is given whatever lies under the segment's name. */
static int explain(const struct home *h)
{
	char path[128];
	int fd, r;

	snprintf(path, sizeof(path), "/dev/shm%s", h->segment);
	fd = io_open(AT_FDCWD, path, O_RDONLY, 0);
	if (fd < 0)
		return out_fail("cannot open the segment %s: %s", path, strerror(-fd));
	r = pt_explain(fd, stdout);
	io_close(&fd);
	if (ferror(stdout)) /* out_finish() tells why */
		return EXIT_OK;
	if (r < 0 && r != -EBADMSG)
		return out_fail("cannot decode the segment %s: %s", path, strerror(-r));
	return r < 0 ? EXIT_FAIL : EXIT_OK;
}

static int conclude_json(void)
{
	struct json_out o = { .error = findings.lost ? -ENOMEM : 0 };

	doc_doctor(&o, findings.list, findings.n);
	for (size_t i = 0; i < findings.n; i++)
		free(findings.list[i].text);
	free(findings.list);
	return printjson(&o);
}

static int conclude(void)
{
	if (findings.wanted && conclude_json() != EXIT_OK)
		return EXIT_FAIL;
	if (!findings.wanted && problems)
		printf("%u problem%s\n", problems, problems == 1 ? "" : "s");
	else if (!findings.wanted)
		printf("all is well\n");
	return problems ? EXIT_FAIL : EXIT_OK;
}

static int diagnose(struct instance *in)
{
	struct view v = { 0 };
	struct fault f = { "" };
	int r = instance_attach(in, &f);

	checks_home(&in->home);
	checks_limits();
	if (r < 0 && r != -ENOENT)
		checks_problem("table: %s", f.text);
	else if (r < 0)
		checks_note("table: none; no instance runs here");
	else if (view_load(in, &v) < 0)
		checks_problem("table: out of memory");
	else
		checks_table(in, &v);
	checks_daemons(in, &v);
	checks_surroundings(&in->home);
	checks_processes(in, &v);
	checks_health(&in->home, &v);
	checks_leftovers(&in->home, &v);
	view_done(&v);
	return conclude();
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "segment", no_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' }, { 0 } };
	struct instance in = INSTANCE_NONE;
	struct fault f = { "" };
	bool segment = false, json = false;
	int opt, status;

	while ((opt = opts_next(self, argc, argv, options)) >= 0) {
		segment = segment || opt == 's';
		json = json || opt == 'j';
	}
	if (opt != OPT_END)
		return opts_status(opt);
	if (!opts_operands(argc, 0, ""))
		return EXIT_MISUSE;
	if (segment && json)
		return out_misuse("--segment is text: either it or --json");
	in.access = PT_READER;
	if (home_open(NULL, HOME_READ, &in.home, &f) < 0)
		return out_fail("%s", f.text);
	findings.wanted = json;
	status = segment ? explain(&in.home) : diagnose(&in);
	instance_close(&in);
	return status;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.summary = "find out what is wrong with this instance",
	.usage = "[--segment | --json]",
	.help = "Looks at home, limits, table, daemons, processes, health and what lies around. Exit\n"
		"status 1 if something is wrong.\n"
		"\n"
		"  --segment  print the process table's segment, decoded, instead;\n"
		"             damaged ones too\n"
		"  --json     what was found as one JSON object\n",
	.run = run,
};
