/* words/logline.c - one line of a log (words/logline.h). */
#include "words/logline.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/utf8.h"
#include "client/logname.h"
#include "logread/stream.h"
#include "words/doc.h"

static const char *on(const struct logline *l, enum tone tone)
{
	return l->paint ? l->paint(tone) : "";
}

/* Bytes with NUL among them; tabs stay. Pieces of plain ASCII go out as they are. */
static void put_safe(FILE *to, const char *p, size_t len)
{
	const char *end = p + len;

	while (p < end) {
		const char *from = p;
		char one[5] = "", out[24];
		size_t n;

		while (p < end && ((*p >= 32 && *p < 127) || *p == '\t'))
			p++;
		if (p > from)
			fwrite(from, 1, (size_t)(p - from), to);
		if (p == end)
			break;
		memcpy(one, p, (size_t)(end - p) < 4 ? (size_t)(end - p) : 4);
		n = utf8_length(one);
		if (*p == 0) {
			fputs("\\x00", to);
		} else {
			one[n ? n : 1] = 0;
			(void)str_visible(out, sizeof(out), one);
			fputs(out, to);
		}
		p += n ? n : 1;
	}
}

/* Of a line. */
static void put_line(const struct logline *l, const char *p, size_t len)
{
	size_t shown = l->most && len > l->most ? l->most : len;

	if (shown < len)
		shown = utf8_cut(p, shown);
	put_safe(l->to, p, shown);
	if (shown < len)
		fprintf(l->to, " ... (%zu bytes more)", len - shown);
}

static enum tone tone_of(enum log_level level)
{
	return level >= LOG_LEVEL_ERROR	     ? TONE_BAD
		: level == LOG_LEVEL_WARNING ? TONE_WARNING
		: level == LOG_LEVEL_DEBUG   ? TONE_DIM
					     : TONE_PLAIN;
}

/* Names take the tones in turn, as they appear; when there are very many, whichever comes. */
static enum tone tone_of_name(struct logline *l, const char *name)
{
	uint64_t hash = str_hash(STR_HASH_SEED, name, strlen(name));
	size_t i = 0;

	while (i < l->n_seen && l->seen[i] != hash)
		i++;
	if (i == l->n_seen && i < sizeof(l->seen) / sizeof(l->seen[0]))
		l->seen[l->n_seen++] = hash;
	return (enum tone)(TONE_NAMES + i % (TONE_LAST - TONE_NAMES + 1));
}

static void put_aggregate(const struct logline *l, const struct log_entry *e)
{
	time_t seconds = (time_t)(e->time_ns / NS_PER_SEC);
	char clock[16] = "--:--:--", name[256];
	struct tm tm;

	if (e->time_ns && localtime_r(&seconds, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	fprintf(l->to, "[%s] %-8s ", clock, parse_level_label(e->level));
	if (e->parsed.source)
		put_safe(l->to, e->parsed.source, e->parsed.source_len);
	else
		fputs(logname_process(e->stem, name), l->to);
	fputs(": ", l->to);
	put_line(l, e->parsed.message, e->parsed.message_len);
}

static int put_json(const struct logline *l, const struct log_entry *e)
{
	struct json_out o = { .one_line = true };
	char name[256];
	int r;

	(void)logname_process(e->stem, name);
	doc_log(&o, name, strcmp(name, e->stem) == 0 ? "out" : e->stem + strlen(name) + 1, e);
	r = json_end(&o);
	if (r == 0) {
		fwrite(o.text, 1, o.len, l->to);
		putc('\n', l->to);
	}
	json_free(&o);
	return r;
}

static void put_field(FILE *to, const char *p, size_t len, bool last)
{
	putc('"', to);
	for (size_t from = 0, i = 0; i <= len; i++)
		if (i == len || p[i] == '"') {
			put_safe(to, p + from, i - from);
			if (i < len)
				fputs("\"\"", to);
			from = i + 1;
		}
	fputs(last ? "\"\n" : "\",", to);
}

static void put_csv(const struct logline *l, const struct log_entry *e)
{
	char name[256], when[CLOCK_TEXT_MAX] = "";

	(void)logname_process(e->stem, name);
	if (e->time_ns)
		(void)clock_rfc3339(e->time_ns, when);
	fprintf(l->to, "%s,%s,%s,", when, parse_level_label(e->level), name);
	put_field(l->to, e->parsed.source ? e->parsed.source : name,
		e->parsed.source ? e->parsed.source_len : strlen(name), false);
	put_field(l->to, e->parsed.message, e->parsed.message_len, true);
}

void logline_head(const struct logline *l)
{
	if (l->form == LOGLINE_CSV)
		fputs("timestamp,level,name,source,message\n", l->to);
}

/* Byte for byte; but a line without an end must not run into that of another log. */
static void put_raw(struct logline *l, const struct log_entry *e)
{
	if (l->unended && strcmp(l->unended, e->stem) != 0)
		putc('\n', l->to);
	fwrite(e->text, 1, e->len + e->has_end, l->to);
	l->unended = e->has_end ? NULL : e->stem;
}

static void put_text(struct logline *l, const struct log_entry *e)
{
	enum tone tone = tone_of(e->level);
	char name[256];

	if (l->form == LOGLINE_NAMED) {
		const char *of_name = on(l, tone_of_name(l, logname_process(e->stem, name)));

		fprintf(l->to, "%s%-*s |%s ", of_name, l->width, name, on(l, TONE_PLAIN));
	}
	if (tone != TONE_PLAIN)
		fputs(on(l, tone), l->to);
	if (l->form == LOGLINE_AGGREGATE)
		put_aggregate(l, e);
	else
		put_line(l, e->text,
			e->len > 0 && e->text[e->len - 1] == '\r' ? e->len - 1 : e->len);
	if (tone != TONE_PLAIN)
		fputs(on(l, TONE_PLAIN), l->to);
	putc('\n', l->to);
}

int logline_write(struct logline *l, const struct log_entry *e)
{
	switch (l->form) {
	case LOGLINE_JSON:
		return put_json(l, e);
	case LOGLINE_CSV:
		put_csv(l, e);
		return 0;
	case LOGLINE_RAW:
		put_raw(l, e);
		return 0;
	default:
		put_text(l, e);
		return 0;
	}
}
