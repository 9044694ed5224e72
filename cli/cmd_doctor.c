/*
 * tend doctor - is everything as it should be, and if not, what to do. Checks what no single daemon
 * can see: whether home, table, daemons and processes agree.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/str.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/printjson.h"
#include "client/checks.h"
#include "shm/explain.h"
#include "words/doc.h"

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

static int show_json(const struct findings *found)
{
	struct json_out o = { .error = found->lost ? -ENOMEM : 0 };

	doc_doctor(&o, found);
	return printjson(&o);
}

/* Paths and names are in it. */
static bool show_finding(const char *mark, const char *raw)
{
	size_t size = 4 * strlen(raw) + 1;
	char *text = malloc(size);

	if (!text)
		return false;
	(void)str_visible(text, size, raw);
	printf("  %-8s %s\n", mark, text);
	free(text);
	return true;
}

static int show_text(const struct findings *found)
{
	static const char *const marks[FINDING_LEVELS] = { "ok", "note", "PROBLEM" };
	bool whole = !found->lost;

	for (size_t i = 0; i < found->n; i++)
		whole &= show_finding(marks[found->list[i].level], found->list[i].text);
	if (!whole)
		return out_fail("out of memory");
	if (found->problems)
		printf("%zu problem%s\n", found->problems, found->problems == 1 ? "" : "s");
	else
		printf("all is well\n");
	return EXIT_OK;
}

static int diagnose(struct instance *in, bool json)
{
	struct findings found = { 0 };
	int status;

	checks_all(&found, in);
	status = json ? show_json(&found) : show_text(&found);
	if (found.problems)
		status = EXIT_FAIL;
	findings_done(&found);
	return status;
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
	if (home_open(NULL, HOME_READ, &in.home, &f) < 0) {
		(void)instance_open(
			&in, NULL, PT_READER, &f); /* whose daemons may run on: it says so */
		return out_fail("%s", f.text);
	}
	status = segment ? explain(&in.home) : diagnose(&in, json);
	instance_close(&in);
	return status;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.summary = "find out what is wrong with this instance",
	.usage = "[--segment | --json]",
	.help = "Looks at home, limits, table, daemons, processes, health and what lies around.\n"
		"Exit status 1 if something is wrong.\n"
		"\n"
		"  --segment  print the process table's segment, decoded, instead;\n"
		"             damaged ones too\n"
		"  --json     what was found as one JSON object\n",
	.run = run,
};
