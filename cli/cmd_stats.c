/* tend stats - numbers over all processes (the Go port's stats). */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/printjson.h"
#include "client/phrase.h"
#include "client/view.h"
#include "words/doc.h"

static uint64_t memory(int name)
{
	long pages = sysconf(name), size = sysconf(_SC_PAGESIZE);

	return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
}

static void look_at_system(struct doc_load *ret)
{
	*ret = (struct doc_load){ .cpus = sysconf(_SC_NPROCESSORS_ONLN),
		.memory_bytes = memory(_SC_PHYS_PAGES),
		.free_bytes = memory(_SC_AVPHYS_PAGES) };
	if (getloadavg(ret->load, 3) < 3)
		memset(ret->load, 0, sizeof(ret->load));
}

static int show_json(const struct doc_stats *s, bool system)
{
	struct doc_load load;
	struct json_out o = { 0 };

	if (system)
		look_at_system(&load);
	doc_stats(&o, s, system ? &load : NULL);
	return printjson(&o);
}

static void show_tally(const char *title, const struct doc_tally *t)
{
	printf("%s:", title);
	for (unsigned i = 0; i < t->n; i++)
		printf("%s %s %u", i ? "," : "", t->word[i], t->times[i]);
	printf("%s\n", t->n ? "" : " -");
}

static int show_text(const struct doc_stats *s, bool system)
{
	char span[CLOCK_TEXT_MAX], bytes[24];
	double load[3];

	printf("processes: %u\n", s->total);
	show_tally("status", &s->status);
	show_tally("health", &s->health);
	show_tally("type", &s->service);
	printf("restarts: %llu\n", (unsigned long long)s->restarts);
	printf("average uptime: %s\n", s->up ? clock_span(s->uptime_ns / s->up, span) : "-");
	if (!system)
		return EXIT_OK;
	printf("memory of the processes: %s\n", phrase_bytes(s->memory_bytes, bytes));
	printf("CPU of the processes: %llu.%llu%%\n", (unsigned long long)(s->cpu_permille / 10),
		(unsigned long long)(s->cpu_permille % 10));
	if (getloadavg(load, 3) == 3)
		printf("system load: %.2f %.2f %.2f on %ld CPUs\n", load[0], load[1], load[2],
			sysconf(_SC_NPROCESSORS_ONLN));
	printf("system memory: %s", phrase_bytes(memory(_SC_PHYS_PAGES), bytes));
	printf(", free %s\n", phrase_bytes(memory(_SC_AVPHYS_PAGES), bytes));
	return EXIT_OK;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
		{ "system", no_argument, NULL, 's' }, { 0 } };
	bool json = false, system = false;
	struct view v = { 0 };
	struct fault f = { "" };
	struct doc_stats s;
	int opt, status;

	while ((opt = opts_next(self, argc, argv, options)) >= 0) {
		json = json || opt == 'j';
		system = system || opt == 's';
	}
	if (opt != OPT_END)
		return opts_status(opt);
	if (!opts_operands(argc, 0, ""))
		return EXIT_MISUSE;
	if (view_take(NULL, &v, &f) < 0)
		return out_fail("%s", f.text);
	doc_stats_of(&v, &s);
	status = json ? show_json(&s, system) : show_text(&s, system);
	view_done(&v);
	return status;
}

const struct command cmd_stats = {
	.name = "stats",
	.summary = "numbers over all processes",
	.usage = "[--system] [--json]",
	.help = "  --system  memory and CPU of all processes together, and the load of the system\n"
		"  --json    one JSON object; avg_uptime is in nanoseconds, of those that run\n",
	.run = run,
};
