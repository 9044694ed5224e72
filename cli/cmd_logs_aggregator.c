/* tend logs-aggregator - all logs merged, in the reference's form. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "cli/logshow.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/printjson.h"
#include "cli/tell.h"
#include "client/logfacts.h"
#include "client/ownlogs.h"
#include "logread/format.h"
#include "words/doc.h"

#define LINES_DEFAULT 100

static bool form_of(const char *text, enum logline_form *ret)
{
	if (strcmp(text, "text") == 0)
		*ret = LOGLINE_AGGREGATE;
	else if (strcmp(text, "json") == 0)
		*ret = LOGLINE_JSON;
	else if (strcmp(text, "csv") == 0)
		*ret = LOGLINE_CSV;
	else {
		out_misuse("--format %s: there are text, json and csv", text);
		return false;
	}
	return true;
}

static int count(
	const struct logplaces *p, const struct log_place *at, struct log_tally *t, struct fault *f)
{
	const struct log_query all = { .min_level = LOG_LEVEL_DEBUG };
	struct stream *s = NULL;
	struct log_entry e;
	struct stat st;
	int r = stream_open(
		at->dirfd, at->stem, 0, STREAM_FORWARD, &all, logshow_complain(), &s, f);

	*t = (struct log_tally){ 0 };
	if (r < 0)
		return r;
	snprintf(t->path, sizeof(t->path), "%s/%s" LOG_SUFFIX, logplaces_path(p, at), at->stem);
	for (size_t i = 0; i < stream_segments(s)->n; i++) {
		const struct segment *g = &stream_segments(s)->list[i];

		t->size += g->file_bytes;
		if (fstat(g->fd, &st) == 0)
			t->mtime_ns = (uint64_t)st.st_mtim.tv_sec * NS_PER_SEC +
				(uint64_t)st.st_mtim.tv_nsec;
	}
	while ((r = stream_read(s, &e, f)) == 1) {
		t->lines++;
		t->levels[e.level]++;
	}
	stream_close(s);
	return r;
}

static void print_stats(const char *stem, const struct log_tally *t, enum logline_form form)
{
	char when[CLOCK_TEXT_MAX] = "-";
	struct json_out o = { .one_line = true };

	if (t->mtime_ns)
		(void)clock_rfc3339(t->mtime_ns, when);
	if (form == LOGLINE_JSON) {
		doc_log_stats(&o, stem, t);
		(void)printjson(&o);
		return;
	}
	if (form == LOGLINE_CSV) {
		printf("%s,\"%s\",%" PRIu64 ",%s,%" PRIu64, stem, t->path, t->size, when, t->lines);
		for (int l = 0; l < LOG_LEVEL_NONE; l++)
			printf(",%" PRIu64, t->levels[l]);
		putchar('\n');
		return;
	}
	printf("%s:\n  path %s\n  size %" PRIu64 " bytes\n  modified %s\n  lines %" PRIu64 "\n ",
		stem, t->path, t->size, when, t->lines);
	for (int l = 0; l < LOG_LEVEL_NONE; l++)
		printf(" %s %" PRIu64, parse_level_label((enum log_level)l), t->levels[l]);
	putchar('\n');
}

static int stats(const struct logplaces *p, enum logline_form form)
{
	struct log_tally t;
	struct fault f = { "" };

	if (form == LOGLINE_CSV)
		puts("source,path,size,modified,lines,DEBUG,INFO,WARNING,ERROR,CRITICAL");
	for (size_t i = 0; i < p->n; i++) {
		if (count(p, &p->list[i], &t, &f) < 0)
			return out_fail("%s", f.text);
		print_stats(logplaces_label(&p->list[i]), &t, form);
	}
	return EXIT_OK;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "follow", no_argument, NULL, 'f' },
		{ "filter", required_argument, NULL, 't' },
		{ "level", required_argument, NULL, 'l' },
		{ "lines", required_argument, NULL, 'n' }, { "stats", no_argument, NULL, 's' },
		{ "format", required_argument, NULL, 'o' }, { "json", no_argument, NULL, 'j' },
		{ 0 } };
	struct logshow s = { .query = { .min_level = LOG_LEVEL_INFO },
		.form = LOGLINE_AGGREGATE,
		.lines = LINES_DEFAULT,
		.every = true };
	struct outcomes oc = tell_begin(false);
	struct logplaces p;
	bool good = true, want_stats = false;
	int opt, status;

	while (good && (opt = opts_next(self, argc, argv, options)) >= 0) {
		if (opt == 'f')
			s.follow = true;
		else if (opt == 's')
			want_stats = true;
		else if (opt == 'j')
			s.form = LOGLINE_JSON;
		else if (opt == 't')
			s.query.text = *optarg ? optarg : NULL;
		else if (opt == 'l')
			good = logshow_level(optarg, &s.query.min_level);
		else
			good = opt == 'n' ? logshow_lines(optarg, &s.lines)
					  : form_of(optarg, &s.form);
	}
	if (!good)
		return EXIT_MISUSE;
	if (opt != OPT_END)
		return opts_status(opt);
	if (!opts_operands(argc, 0, ""))
		return EXIT_MISUSE;
	s.query.text_len = s.query.text ? strlen(s.query.text) : 0;
	status = EXIT_FAIL;
	if (logplaces_find(&oc, NULL, NULL, 0, true, &p)) {
		ownlogs_add(&oc, &p, true, s.follow);
		status = want_stats ? stats(&p, s.form) : logshow(&s, &p);
	}
	logplaces_done(&p);
	return status;
}

const struct command cmd_logs_aggregator = {
	.name = "logs-aggregator",
	.summary = "the logs of all processes, merged by time",
	.usage = "[--follow] [--filter KEYWORD] [--level LEVEL]\n"
		 "[--lines N] [--format text|json|csv] [--json]\n"
		 "--stats [--format text|json|csv] [--json]",
	.help = "Each line as \"[HH:MM:SS] LEVEL SOURCE: MESSAGE\". Also logs in ./logs and\n"
		"/tmp/mcp_mesh_logs, where the home has none of that name, and those that agents\n"
		"write themselves (see \"tend help logs\").\n"
		"\n"
		"  --follow          go on until Ctrl-C\n"
		"  --filter KEYWORD  lines that contain KEYWORD\n"
		"  --level LEVEL     this level and above (default INFO)\n"
		"  --lines N         the newest N lines (default 100); 0 = all\n"
		"  --stats           of each log: path, size, last change, lines, and how many of\n"
		"                    each level\n"
		"  --format FORM     text, json (an object on each line) or csv\n"
		"  --json            the same as --format json\n",
	.run = run,
};
