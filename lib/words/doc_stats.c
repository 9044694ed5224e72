/* words/doc_stats.c - numbers over all processes (words/doc.h). */
#include <string.h>

#include "client/view.h"
#include "words/doc.h"

void doc_tally_count(struct doc_tally *t, const char *word)
{
	unsigned i = 0;

	while (i < t->n && strcmp(t->word[i], word) != 0)
		i++;
	if (i == DOC_WORDS)
		return;
	t->word[i] = word;
	t->times[i]++;
	t->n += i == t->n;
}

void doc_stats_of(const struct view *v, struct doc_stats *ret)
{
	*ret = (struct doc_stats){ .total = (unsigned)v->n };
	for (size_t i = 0; i < v->n; i++) {
		const struct view_row *r = &v->row[i];

		doc_tally_count(&ret->status, view_word(r));
		doc_tally_count(&ret->health, pt_health_label(r->row.health.verdict));
		doc_tally_count(&ret->service, pt_service_label(r->row.ident.service));
		ret->restarts += r->row.life.restarts;
		if (!view_is_up(r))
			continue;
		ret->up++;
		ret->uptime_ns += view_uptime_ns(v, r);
		ret->memory_bytes += r->row.health.memory_bytes;
		ret->cpu_permille += r->row.health.cpu_permille;
	}
}

static void write_tally(struct json_out *o, const char *key, const struct doc_tally *t)
{
	json_open(o, key, '{');
	for (unsigned i = 0; i < t->n; i++)
		json_u64(o, t->word[i], t->times[i]);
	json_close(o);
}

static void write_load(struct json_out *o, const struct doc_stats *s, const struct doc_load *load)
{
	json_open(o, "system_load", '{');
	json_number(o, "load_1m", load->load[0]);
	json_number(o, "load_5m", load->load[1]);
	json_number(o, "load_15m", load->load[2]);
	json_int(o, "cpus", load->cpus);
	json_u64(o, "memory_total_bytes", load->memory_bytes);
	json_u64(o, "memory_free_bytes", load->free_bytes);
	json_u64(o, "processes_memory_bytes", s->memory_bytes);
	json_number(o, "processes_cpu_percent", (double)s->cpu_permille / 10);
	json_close(o);
}

void doc_stats(struct json_out *o, const struct doc_stats *s, const struct doc_load *load)
{
	json_open(o, NULL, '{');
	json_u64(o, "total_processes", s->total);
	write_tally(o, "status_breakdown", &s->status);
	write_tally(o, "health_breakdown", &s->health);
	write_tally(o, "service_breakdown", &s->service);
	json_u64(o, "total_restarts", s->restarts);
	json_u64(o, "avg_uptime", s->up ? s->uptime_ns / s->up : 0);
	if (load)
		write_load(o, s, load);
	json_close(o);
}
