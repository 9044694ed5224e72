/* tend stats - numbers over all processes (the Go port's stats). */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/json.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/story.h"
#include "cli/view.h"

struct tally { /* how often each word was met, in the order of meeting */
	const char *word[16];
	unsigned times[16], n;
};

struct stats {
	unsigned total, up;
	uint64_t restarts, uptime_ns, memory_bytes, cpu_permille;
	struct tally status, health, service;
};

static void count(struct tally *t, const char *word)
{
	unsigned i = 0;

	while (i < t->n && strcmp(t->word[i], word) != 0)
		i++;
	if (i == 16)
		return;
	t->word[i] = word;
	t->times[i]++;
	t->n += i == t->n;
}

static struct stats collect(const struct view *v)
{
	struct stats s = { .total = (unsigned)v->n };

	for (size_t i = 0; i < v->n; i++) {
		const struct view_row *r = &v->row[i];

		count(&s.status, view_word(r));
		count(&s.health, pt_health_label(r->row.health.verdict));
		count(&s.service, pt_service_label(r->row.ident.service));
		s.restarts += r->row.life.restarts;
		if (!view_is_up(r))
			continue;
		s.up++;
		s.uptime_ns += view_uptime_ns(v, r);
		s.memory_bytes += r->row.health.memory_bytes;
		s.cpu_permille += r->row.health.cpu_permille;
	}
	return s;
}

static bool add(cJSON *to, const char *key, cJSON *item)
{
	if (item && cJSON_AddItemToObject(to, key, item))
		return true;
	cJSON_Delete(item);
	return false;
}

static bool add_tally(cJSON *doc, const char *key, const struct tally *t)
{
	cJSON *o = cJSON_AddObjectToObject(doc, key);

	for (unsigned i = 0; o && i < t->n; i++)
		if (!add(o, t->word[i], cJSON_CreateNumber(t->times[i])))
			return false;
	return o != NULL;
}

static uint64_t memory(int name)
{
	long pages = sysconf(name), size = sysconf(_SC_PAGESIZE);

	return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
}

static bool add_system(cJSON *doc, const struct stats *s)
{
	cJSON *o = cJSON_AddObjectToObject(doc, "system_load");
	double load[3] = { 0 };

	if (getloadavg(load, 3) < 3)
		load[0] = load[1] = load[2] = 0;
	return o && add(o, "load_1m", cJSON_CreateNumber(load[0])) && add(o, "load_5m", cJSON_CreateNumber(load[1])) &&
		add(o, "load_15m", cJSON_CreateNumber(load[2])) && add(o, "cpus", cJSON_CreateNumber((double)sysconf(_SC_NPROCESSORS_ONLN))) &&
		add(o, "memory_total_bytes", json_u64(memory(_SC_PHYS_PAGES))) &&
		add(o, "memory_free_bytes", json_u64(memory(_SC_AVPHYS_PAGES))) && add(o, "processes_memory_bytes", json_u64(s->memory_bytes)) &&
		add(o, "processes_cpu_percent", cJSON_CreateNumber((double)s->cpu_permille / 10));
}

static int show_json(const struct stats *s, bool system)
{
	cJSON *doc = cJSON_CreateObject();

	if (doc && add(doc, "total_processes", cJSON_CreateNumber(s->total)) && add_tally(doc, "status_breakdown", &s->status) &&
		add_tally(doc, "health_breakdown", &s->health) && add_tally(doc, "service_breakdown", &s->service) &&
		add(doc, "total_restarts", json_u64(s->restarts)) && add(doc, "avg_uptime", json_u64(s->up ? s->uptime_ns / s->up : 0)) &&
		(!system || add_system(doc, s)))
		return json_print(doc);
	cJSON_Delete(doc);
	return out_fail("out of memory");
}

static void show_tally(const char *title, const struct tally *t)
{
	printf("%s:", title);
	for (unsigned i = 0; i < t->n; i++)
		printf("%s %s %u", i ? "," : "", t->word[i], t->times[i]);
	printf("%s\n", t->n ? "" : " -");
}

static int show_text(const struct stats *s, bool system)
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
	printf("memory of the processes: %s\n", story_bytes(s->memory_bytes, bytes));
	printf("CPU of the processes: %llu.%llu%%\n", (unsigned long long)(s->cpu_permille / 10), (unsigned long long)(s->cpu_permille % 10));
	if (getloadavg(load, 3) == 3)
		printf("system load: %.2f %.2f %.2f on %ld CPUs\n", load[0], load[1], load[2], sysconf(_SC_NPROCESSORS_ONLN));
	printf("system memory: %s", story_bytes(memory(_SC_PHYS_PAGES), bytes));
	printf(", free %s\n", story_bytes(memory(_SC_AVPHYS_PAGES), bytes));
	return EXIT_OK;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { "system", no_argument, NULL, 's' }, { 0 } };
	bool json = false, system = false;
	struct view v = { 0 };
	struct fault f = { "" };
	struct stats s;
	int opt, status;

	while ((opt = opts_next(self, argc, argv, options)) >= 0) {
		json = json || opt == 'j';
		system = system || opt == 's';
	}
	if (opt != OPT_END)
		return opts_status(opt);
	if (!opts_operands(argc, 0, ""))
		return EXIT_MISUSE;
	if (view_take(&v, &f) < 0)
		return out_fail("%s", f.text);
	s = collect(&v);
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
