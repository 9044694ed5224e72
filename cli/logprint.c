/* cli/logprint.c - one line of a log on stdout (cli/logprint.h). */
#include "cli/logprint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/utf8.h"
#include "cli/doc.h"
#include "cli/printjson.h"
#include "logread/format.h"
#include "term/term.h"

const char *logprint_name(const char *stem, char buf[static 256])
{
	char *mark;

	snprintf(buf, 256, "%s", stem);
	mark = strchr(buf, LOG_ERR_MARK[0]);
	if (mark && (strcmp(mark, LOG_ERR_MARK) == 0 || strcmp(mark, LOGPRINT_FILE_MARK) == 0))
		*mark = 0;
	return buf;
}

/* of a line on a terminal: more than anybody reads there, and less than keeps it busy */
#define SHOWN_MAX (64u << 10)

/* Bytes with NUL among them; tabs stay. Pieces of plain ASCII go out as they are. */
static void put_safe(const char *p, size_t len)
{
	const char *end = p + len;

	while (p < end) {
		const char *from = p;
		char one[5] = "", out[24];
		size_t n;

		while (p < end && ((*p >= 32 && *p < 127) || *p == '\t'))
			p++;
		if (p > from)
			fwrite(from, 1, (size_t)(p - from), stdout);
		if (p == end)
			break;
		memcpy(one, p, (size_t)(end - p) < 4 ? (size_t)(end - p) : 4);
		n = utf8_length(one);
		if (*p == 0) {
			fputs("\\x00", stdout);
		} else {
			one[n ? n : 1] = 0;
			(void)str_visible(out, sizeof(out), one);
			fputs(out, stdout);
		}
		p += n ? n : 1;
	}
}

/* Of a line. */
static void put_line(const char *p, size_t len)
{
	size_t shown = len > SHOWN_MAX && term_is_tty(STDOUT_FILENO) ? SHOWN_MAX : len;

	while (shown > 0 && shown < len && (p[shown] & 0xc0) == 0x80) /* not within a character */
		shown--;
	put_safe(p, shown);
	if (shown < len)
		printf(" ... (%zu bytes more)", len - shown);
}

static enum term_colour colour_of(enum log_level level)
{
	return level >= LOG_LEVEL_ERROR	     ? TERM_RED
		: level == LOG_LEVEL_WARNING ? TERM_YELLOW
		: level == LOG_LEVEL_DEBUG   ? TERM_DIM
					     : TERM_PLAIN;
}

/* Names take the colours in turn, as they appear; when there are very many, whichever comes. Not
 * red: that is for errors. */
static enum term_colour colour_of_name(const char *name)
{
	static const enum term_colour colours[] = { TERM_CYAN, TERM_YELLOW, TERM_GREEN,
		TERM_MAGENTA, TERM_BLUE };
	static uint64_t seen[256];
	static size_t n;
	uint64_t hash = str_hash(STR_HASH_SEED, name, strlen(name));
	size_t i = 0;

	while (i < n && seen[i] != hash)
		i++;
	if (i == n && n < sizeof(seen) / sizeof(seen[0]))
		seen[n++] = hash;
	return colours[i % (sizeof(colours) / sizeof(colours[0]))];
}

static void aggregate(const struct log_entry *e)
{
	time_t seconds = (time_t)(e->time_ns / NS_PER_SEC);
	char clock[16] = "--:--:--", name[256];
	struct tm tm;

	if (e->time_ns && localtime_r(&seconds, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	printf("[%s] %-8s ", clock, parse_level_label(e->level));
	if (e->parsed.source)
		put_safe(e->parsed.source, e->parsed.source_len);
	else
		fputs(logprint_name(e->stem, name), stdout);
	fputs(": ", stdout);
	put_line(e->parsed.message, e->parsed.message_len);
}

static void json_entry(const struct log_entry *e)
{
	struct json_out o = { .one_line = true };
	char name[256];

	(void)logprint_name(e->stem, name);
	doc_log(&o, name, strcmp(name, e->stem) == 0 ? "out" : e->stem + strlen(name) + 1, e);
	(void)printjson(&o);
}

static void csv_field(const char *p, size_t len, bool last)
{
	putchar('"');
	for (size_t from = 0, i = 0; i <= len; i++)
		if (i == len || p[i] == '"') {
			put_safe(p + from, i - from);
			if (i < len)
				fputs("\"\"", stdout);
			from = i + 1;
		}
	fputs(last ? "\"\n" : "\",", stdout);
}

static void csv_entry(const struct log_entry *e)
{
	char name[256], when[CLOCK_TEXT_MAX] = "";

	(void)logprint_name(e->stem, name);
	if (e->time_ns)
		(void)clock_rfc3339(e->time_ns, when);
	printf("%s,%s,%s,", when, parse_level_label(e->level), name);
	csv_field(e->parsed.source ? e->parsed.source : name,
		e->parsed.source ? e->parsed.source_len : strlen(name), false);
	csv_field(e->parsed.message, e->parsed.message_len, true);
}

void logprint_head(enum logprint_form form)
{
	if (form == LOGPRINT_CSV)
		puts("timestamp,level,name,source,message");
}

/* Byte for byte; but a line without an end must not run into that of another log. */
static void raw(const struct log_entry *e)
{
	static const char *unended; /* the log whose line was printed last, if that has no end */

	if (unended && strcmp(unended, e->stem) != 0)
		putchar('\n');
	fwrite(e->text, 1, e->len + e->has_end, stdout);
	unended = e->has_end ? NULL : e->stem;
}

void logprint(enum logprint_form form, const struct log_entry *e, int width)
{
	enum term_colour colour = colour_of(e->level);
	char name[256];

	if (form == LOGPRINT_JSON) {
		json_entry(e);
		return;
	}
	if (form == LOGPRINT_CSV) {
		csv_entry(e);
		return;
	}
	if (form == LOGPRINT_RAW && !term_is_tty(STDOUT_FILENO)) {
		raw(e);
		return;
	}
	if (form == LOGPRINT_NAMED)
		printf("%s%-*s |%s ", term_colour(colour_of_name(logprint_name(e->stem, name))),
			width, name, term_colour(TERM_PLAIN));
	if (colour != TERM_PLAIN)
		fputs(term_colour(colour), stdout);
	if (form == LOGPRINT_AGGREGATE)
		aggregate(e);
	else
		put_line(e->text, e->len > 0 && e->text[e->len - 1] == '\r' ? e->len - 1 : e->len);
	if (colour != TERM_PLAIN)
		fputs(term_colour(TERM_PLAIN), stdout);
	putchar('\n');
}
