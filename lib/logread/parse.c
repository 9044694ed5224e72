/*
 * logread/parse.c - what a line says about itself (logread/parse.h).
 *
 * One walk over the head of the line in place of one expression for each program's format: a head
 * is a row of times, levels, [sources] and separators, and what is none of these begins the
 * message. Only the forms with a source between dashes need to look ahead.
 */
#include "logread/parse.h"

#include <string.h>
#include <strings.h>

#include "logread/parse_parts.h"

struct head {
	const char *p, *end;
	uint64_t near_ns;
	struct log_line *line;
};

const char *parse_level_label(enum log_level level)
{
	static const char *const labels[] = { "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL" };

	return (unsigned)level < LOG_LEVEL_NONE ? labels[level] : "";
}

enum log_level parse_level_word(const char *word, size_t len)
{
	static const struct {
		const char *word;
		enum log_level level;
	} words[] = { { "INFO", LOG_LEVEL_INFO }, { "DEBUG", LOG_LEVEL_DEBUG },
		{ "WARNING", LOG_LEVEL_WARNING }, { "WARN", LOG_LEVEL_WARNING },
		{ "ERROR", LOG_LEVEL_ERROR }, { "CRITICAL", LOG_LEVEL_CRITICAL },
		{ "FATAL", LOG_LEVEL_CRITICAL } };

	if (len < 4 || len > 8)
		return LOG_LEVEL_NONE;
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i].word) == len && strncasecmp(words[i].word, word, len) == 0)
			return words[i].level;
	return LOG_LEVEL_NONE;
}

enum log_level parse_level_value(const char *p, size_t len)
{
	static const struct {
		const char *word;
		enum log_level level;
	} more[] = { { "trace", LOG_LEVEL_DEBUG }, { "notice", LOG_LEVEL_INFO },
		{ "information", LOG_LEVEL_INFO }, { "err", LOG_LEVEL_ERROR },
		{ "crit", LOG_LEVEL_CRITICAL }, { "alert", LOG_LEVEL_CRITICAL },
		{ "emerg", LOG_LEVEL_CRITICAL }, { "panic", LOG_LEVEL_CRITICAL },
		{ "10", LOG_LEVEL_DEBUG }, { "20", LOG_LEVEL_DEBUG }, { "30", LOG_LEVEL_INFO },
		{ "40", LOG_LEVEL_WARNING }, { "50", LOG_LEVEL_ERROR },
		{ "60", LOG_LEVEL_CRITICAL } };
	enum log_level level = parse_level_word(p, len);

	for (unsigned i = 0; level == LOG_LEVEL_NONE && i < sizeof(more) / sizeof(more[0]); i++)
		if (strlen(more[i].word) == len && strncasecmp(more[i].word, p, len) == 0)
			level = more[i].level;
	return level;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static const char *blanks(const char *p, const char *end)
{
	while (p < end && is_blank(*p))
		p++;
	return p;
}

/* Blanks and colours (ESC [ ... m). */
static const char *skip(const char *p, const char *end)
{
	for (;;) {
		const char *q;

		p = blanks(p, end);
		if (end - p < 3 || p[0] != '\033' || p[1] != '[')
			return p;
		for (q = p + 2; q < end && ((*q >= '0' && *q <= '9') || *q == ';'); q++)
			continue;
		if (q == end || *q != 'm')
			return p;
		p = q + 1;
	}
}

static void set_level(struct head *h, enum log_level level)
{
	h->line->level = level;
	h->line->level_named = true;
}

/* A time, also in brackets. */
static bool take_time(struct head *h)
{
	bool bracket = *h->p == '[';
	const char *behind;
	uint64_t ns;

	if (h->line->real_ns)
		return false;
	behind = parse_time(h->p + bracket, h->end, h->near_ns, &ns);
	if (!behind || (bracket && (behind == h->end || *behind != ']')))
		return false;
	h->line->real_ns = ns;
	h->p = behind + bracket;
	return true;
}

/* A level as a word of its own. In front of everything else it must be in capitals, or closed by
 * ':' or in brackets: "Error handling" is prose. */
static bool take_level(struct head *h)
{
	bool bracket = *h->p == '[' || *h->p == '<' || *h->p == '(';
	const char *word = bracket ? blanks(h->p + 1, h->end) : h->p, *p;
	enum log_level level;
	bool capitals = true, closed;

	for (p = word; p < h->end && is_letter(*p); p++)
		capitals = capitals && *p <= 'Z';
	level = parse_level_word(word, (size_t)(p - word));
	if (level == LOG_LEVEL_NONE || h->line->level_named)
		return false;
	if (bracket) {
		p = blanks(p, h->end);
		if (p == h->end || (*p != ']' && *p != '>' && *p != ')'))
			return false;
		p++;
	}
	closed = bracket || (p < h->end && (*p == ':' || *p == '|'));
	if (p < h->end && !closed && !is_blank(*p) && *p != '\033' && *p != '-' && *p != '[')
		return false;
	if (!capitals && !closed && h->line->real_ns == 0)
		return false;
	set_level(h, level);
	h->p = p;
	return true;
}

/* "[source]" */
static bool take_source(struct head *h)
{
	const char *close;

	if (*h->p != '[' || h->line->source || (!h->line->real_ns && !h->line->level_named))
		return false;
	close = memchr(h->p, ']', (size_t)(h->end - h->p));
	if (!close || close == h->p + 1)
		return false;
	h->line->source = h->p + 1;
	h->line->source_len = (size_t)(close - h->p - 1);
	h->p = close + 1;
	return true;
}

/* Behind a time: "- SOURCE - LEVEL - rest", blanks optional. A source may have dashes, so each is
 * tried until a level follows. */
static bool take_dashed(struct head *h)
{
	const char *source = blanks(h->p, h->end), *p, *dash, *word, *behind;
	enum log_level level;

	if (source == h->end || *source != '-')
		return false;
	source = blanks(source + 1, h->end);
	for (p = source; p < h->end; p++) {
		dash = blanks(p, h->end);
		if (p == source || dash == h->end || *dash != '-') {
			if (is_blank(*p))
				return false; /* a source has no blanks */
			continue;
		}
		word = blanks(dash + 1, h->end);
		for (behind = word; behind < h->end && is_letter(*behind); behind++)
			continue;
		level = parse_level_word(word, (size_t)(behind - word));
		behind = blanks(behind, h->end);
		if (level != LOG_LEVEL_NONE && (behind == h->end || *behind == '-')) {
			set_level(h, level);
			h->line->source = source;
			h->line->source_len = (size_t)(p - source);
			h->p = behind;
			return true;
		}
		if (is_blank(*p))
			return false;
	}
	return false;
}

/* "WARNING:root:text", Python's logging.basicConfig() */
static void take_colon_source(struct head *h)
{
	const char *p = h->p + 1, *from = p;

	while (p < h->end &&
		(is_letter(*p) || (*p >= '0' && *p <= '9') || *p == '.' || *p == '_' || *p == '-'))
		p++;
	if (p == from || p == h->end || *p != ':' || h->line->source)
		return;
	h->line->source = from;
	h->line->source_len = (size_t)(p - from);
	h->p = p;
}

static bool take_separator(struct head *h)
{
	if (*h->p != '-' && *h->p != ':' && *h->p != '|' && *h->p != ',')
		return false;
	if (!h->line->real_ns && !h->line->level_named)
		return false;
	if (*h->p == ':' && h->line->level_named && h->line->real_ns == 0)
		take_colon_source(h);
	h->p++;
	return true;
}

static void walk(struct head *h)
{
	const char *message = h->p;
	bool closed = false;

	for (unsigned parts = 0; parts < 12; parts++) {
		h->p = skip(h->p, h->end);
		if (h->p == h->end)
			break;
		if ((h->line->real_ns && !h->line->level_named && !h->line->source &&
			    take_dashed(h)) ||
			take_time(h) || take_level(h) || take_source(h))
			closed = false;
		else if (!closed && take_separator(h))
			closed = true;
		else
			break;
		message = h->p;
	}
	if (h->line->real_ns && !h->line->level_named)
		h->line->level = LOG_LEVEL_INFO;
	if (h->line->level == LOG_LEVEL_NONE)
		return;
	message = skip(message, h->end);
	h->line->message_len -= (size_t)(message - h->line->message);
	h->line->message = message;
}

void parse_line(const char *text, size_t len, uint64_t near_ns, struct log_line *ret)
{
	struct head h = { .near_ns = near_ns, .line = ret };
	const char *end;

	while (len > 0 && (text[len - 1] == '\r' || text[len - 1] == '\n'))
		len--;
	*ret = (struct log_line){ .level = LOG_LEVEL_NONE, .message = text, .message_len = len };
	end = text + len;
	h.p = skip(text, end);
	if (h.p == end)
		return;
	if (*h.p == '{' && parse_json(h.p, end, near_ns, ret))
		return;
	h.end = len > PARSE_HEAD_BYTES ? text + PARSE_HEAD_BYTES : end;
	if (h.p >= h.end)
		return;
	if (is_letter(*h.p) && parse_logfmt(h.p, h.end, near_ns, ret))
		return;
	walk(&h);
}
