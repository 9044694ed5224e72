/*
 * tend metrics - the table in Prometheus's text format, for node_exporter's textfile collector or a
 * script that serves it; or as OpenMetrics.
 */
#include <errno.h>

#include "cli/opts.h"
#include "cli/out.h"
#include "client/view.h"
#include "words/metrics.h"

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "openmetrics", no_argument, NULL, 'o' }, { 0 } };
	struct instance in = INSTANCE_NONE;
	struct view v = { 0 };
	struct fault f = { "" };
	struct pt_monitor m;
	bool openmetrics = false, known;
	int opt, r, status = EXIT_OK;

	while ((opt = opts_next(self, argc, argv, options)) == 'o')
		openmetrics = true;
	if (opt != OPT_END)
		return opts_status(opt);
	if (!opts_operands(argc, 0, ""))
		return EXIT_MISUSE;
	r = instance_open(&in, NULL, PT_READER, &f);
	if (r < 0 && r != -ENOENT)
		return out_fail("%s", f.text);
	known = in.pt && pt_read_monitor(in.pt, &m) == 0;
	if (view_load(&in, &v) < 0)
		status = out_fail("out of memory");
	else
		metrics_write(stdout, &v, known ? &m : NULL, openmetrics);
	view_done(&v);
	instance_close(&in);
	return status;
}

const struct command cmd_metrics = {
	.name = "metrics",
	.summary = "everything as Prometheus metrics",
	.usage = "[--openmetrics]",
	.help = "Text that Prometheus reads, for example through the textfile collector of\n"
		"node_exporter. All names begin with tend_.\n"
		"\n"
		"  --openmetrics  in the form of the OpenMetrics standard: counters' families\n"
		"                 without _total, units, and a mark at the end\n"
		"\n"
		"Examples:\n"
		"  tend metrics > /var/lib/prometheus/node-exporter/tend.prom\n",
	.run = run,
};
