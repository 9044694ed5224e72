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
#include "cli/opts.h"
#include "cli/out.h"
#include "shm/explain.h"

static unsigned problems;

void checks_fine(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("  ok       ", stdout);
	vprintf(fmt, args);
	putchar('\n');
	va_end(args);
}

void checks_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("  note     ", stdout);
	vprintf(fmt, args);
	putchar('\n');
	va_end(args);
}

void checks_problem(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("  PROBLEM  ", stdout);
	vprintf(fmt, args);
	putchar('\n');
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
	if (r < 0 && r != -EBADMSG)
		return out_fail("cannot decode the segment %s: %s", path, strerror(-r));
	return r < 0 ? EXIT_FAIL : EXIT_OK;
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
	checks_processes(in, &v);
	checks_health(&in->home, &v);
	checks_leftovers(&in->home, &v);
	view_done(&v);
	if (problems)
		printf("%u problem%s\n", problems, problems == 1 ? "" : "s");
	else
		printf("all is well\n");
	return problems ? EXIT_FAIL : EXIT_OK;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "segment", no_argument, NULL, 's' }, { 0 } };
	struct instance in = INSTANCE_NONE;
	struct fault f = { "" };
	bool segment = false;
	int opt, status;

	while ((opt = opts_next(self, argc, argv, options)) >= 0)
		segment = true;
	if (opt != OPT_END)
		return opts_status(opt);
	if (!opts_operands(argc, 0, ""))
		return EXIT_MISUSE;
	in.access = PT_READER;
	if (home_open(NULL, HOME_READ, &in.home, &f) < 0)
		return out_fail("%s", f.text);
	status = segment ? explain(&in.home) : diagnose(&in);
	instance_close(&in);
	return status;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.summary = "find out what is wrong with this instance",
	.usage = "[--segment]",
	.help = "Looks at home, limits, table, daemons, processes, health and what lies around. Exit status 1\n"
		"if something is wrong.\n"
		"\n"
		"  --segment  print the process table's segment, decoded, instead;\n"
		"             damaged ones too\n",
	.run = run,
};
