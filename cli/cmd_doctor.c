/*
 * tend doctor - is everything as it should be, and if not, what to do. Checks what no single daemon can see: whether
 * home, table, daemons and processes agree.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#include "base/io.h"
#include "cli/checks.h"
#include "cli/json.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "shm/explain.h"

static unsigned problems;

static cJSON *findings; /* with --json; else they are printed */

static void tell(const char *mark, const char *level, const char *fmt, va_list args) __attribute__((format(printf, 3, 0)));
static void tell(const char *mark, const char *level, const char *fmt, va_list args)
{
	char text[2048];
	cJSON *o;

	vsnprintf(text, sizeof(text), fmt, args);
	if (!findings) {
		printf("  %-8s %s\n", mark, text);
		return;
	}
	o = cJSON_CreateObject();
	if (!json_add(o, "level", json_text(level)) || !json_add(o, "text", json_text(text)) || !cJSON_AddItemToArray(findings, o))
		cJSON_Delete(o);
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

static int conclude(cJSON *doc)
{
	if (!doc) {
		if (problems)
			printf("%u problem%s\n", problems, problems == 1 ? "" : "s");
		else
			printf("all is well\n");
	} else if (!json_add(doc, "problems", cJSON_CreateNumber(problems)) || json_print(doc) != EXIT_OK) {
		return out_fail("out of memory");
	}
	return problems ? EXIT_FAIL : EXIT_OK;
}

static int diagnose(struct instance *in, bool json)
{
	cJSON *doc = json ? cJSON_CreateObject() : NULL;
	struct view v = { 0 };
	struct fault f = { "" };
	int r = instance_attach(in, &f);

	findings = doc ? cJSON_AddArrayToObject(doc, "findings") : NULL;
	if (json && !findings) {
		cJSON_Delete(doc);
		return out_fail("out of memory");
	}
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
	return conclude(doc);
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "segment", no_argument, NULL, 's' }, { "json", no_argument, NULL, 'j' }, { 0 } };
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
	status = segment ? explain(&in.home) : diagnose(&in, json);
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
