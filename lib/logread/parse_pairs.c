/* logread/parse_pairs.c - JSON lines and logfmt (logread/parse_parts.h). JSON is scanned, not
 * decoded: only top-level strings and numbers matter. */
#include <string.h>
#include <strings.h>

#include "logread/parse_parts.h"

#define MAX_DEPTH 64

static bool is_one_of(const char *key, size_t len, const char *const *names)
{
	for (; *names; names++)
		if (strlen(*names) == len && strncasecmp(*names, key, len) == 0)
			return true;
	return false;
}

void parse_pair(const char *key, size_t key_len, const char *value, size_t len, bool number,
	uint64_t near_ns, struct log_line *ret)
{
	static const char *const levels[] = { "level", "levelname", "severity", "lvl", "log_level",
		"loglevel", "log.level", NULL };
	static const char *const times[] = { "timestamp", "time", "ts", "@timestamp", "asctime",
		"t", "datetime", NULL };
	static const char *const sources[] = { "source", "logger", "name", "component", "module",
		"log.logger", NULL };
	enum log_level level;

	if (!ret->level_named && is_one_of(key, key_len, levels)) {
		level = parse_level_value(value, len);
		if (level != LOG_LEVEL_NONE) {
			ret->level = level;
			ret->level_named = true;
		}
	} else if (ret->real_ns == 0 && is_one_of(key, key_len, times)) {
		ret->real_ns = parse_time_number(value, len);
		if (ret->real_ns == 0 && !number)
			(void)parse_time(value, value + len, near_ns, &ret->real_ns);
	} else if (!ret->source && !number && len > 0 && is_one_of(key, key_len, sources)) {
		ret->source = value;
		ret->source_len = len;
	}
}

static const char *blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	return p;
}

/* p is behind the opening quote; returns the closing one or NULL. */
static const char *json_string(const char *p, const char *end)
{
	for (; p < end && *p != '"'; p++)
		if (*p == '\\' && ++p == end)
			return NULL;
	return p < end ? p : NULL;
}

/* Behind a nested object or array; NULL: it does not end. */
static const char *json_nested(const char *p, const char *end)
{
	char open[MAX_DEPTH];
	unsigned depth = 0;

	for (; p < end; p++) {
		if (*p == '"') {
			p = json_string(p + 1, end);
			if (!p)
				return NULL;
		} else if (*p == '{' || *p == '[') {
			if (depth == MAX_DEPTH)
				return NULL;
			open[depth++] = *p == '{' ? '}' : ']';
		} else if (*p == '}' || *p == ']') {
			if (open[--depth] != *p)
				return NULL;
			if (depth == 0)
				return p + 1;
		}
	}
	return NULL;
}

static const char *json_scalar(const char *p, const char *end)
{
	const char *from = p;

	while (p < end && *p != ',' && *p != '}' && *p != ' ' && *p != '\t')
		p++;
	for (const char *c = from; c < p; c++)
		if (!strchr("0123456789+-.eEtruefalsn", *c) || *c == 0)
			return NULL;
	return p > from ? p : NULL;
}

static const char *json_member(
	const char *p, const char *end, uint64_t near_ns, struct log_line *ret)
{
	const char *key, *key_end, *value, *value_end;

	if (p == end || *p != '"' || !(key_end = json_string(p + 1, end)))
		return NULL;
	key = p + 1;
	p = blanks(key_end + 1, end);
	if (p == end || *p != ':')
		return NULL;
	p = blanks(p + 1, end);
	if (p == end)
		return NULL;
	if (*p == '{' || *p == '[')
		return json_nested(p, end);
	value = *p == '"' ? p + 1 : p;
	value_end = *p == '"' ? json_string(value, end) : json_scalar(p, end);
	if (!value_end)
		return NULL;
	parse_pair(key, (size_t)(key_end - key), value, (size_t)(value_end - value), *p != '"',
		near_ns, ret);
	return *p == '"' ? value_end + 1 : value_end;
}

bool parse_json(const char *p, const char *end, uint64_t near_ns, struct log_line *ret)
{
	struct log_line found = *ret;

	while (end > p && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	if (end - p < 2 || *p != '{' || end[-1] != '}')
		return false;
	if ((size_t)(end - p) > PARSE_JSON_BYTES)
		/* what is in front counts, and the rest is taken on trust */
		end = p + PARSE_JSON_BYTES;
	else
		end--;
	found.level = LOG_LEVEL_INFO;
	p = blanks(p + 1, end);
	while (p < end) {
		const char *behind = json_member(p, end, near_ns, &found);

		if (!behind && end - p < (ptrdiff_t)PARSE_JSON_BYTES / 2)
			return false;
		if (!behind)
			break;
		p = blanks(behind, end);
		if (p < end && *p != ',')
			return false;
		p = p < end ? blanks(p + 1, end) : p;
	}
	*ret = found;
	return true;
}

static bool is_key(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		c == '_' || c == '.' || c == '-' || c == '@';
}

/* key=value key="a value" ...: from the first byte on, and at least a level or a time among
 * them. */
bool parse_logfmt(const char *p, const char *end, uint64_t near_ns, struct log_line *ret)
{
	struct log_line found = *ret;
	unsigned pairs = 0;

	for (; p < end; p = blanks(p, end)) {
		const char *key = p, *value, *value_end;

		while (p < end && is_key(*p))
			p++;
		if (p == key || p == end || *p != '=')
			break;
		value = p + 1;
		if (value < end && *value == '"') {
			value_end = json_string(++value, end);
			p = value_end ? value_end + 1 : end;
			value_end = value_end ? value_end : end;
		} else {
			for (p = value; p < end && *p != ' ' && *p != '\t'; p++)
				continue;
			value_end = p;
		}
		parse_pair(key, (size_t)((value[-1] == '"' ? value - 2 : value - 1) - key), value,
			(size_t)(value_end - value), false, near_ns, &found);
		pairs++;
	}
	if (pairs == 0 || (!found.level_named && found.real_ns == 0))
		return false;
	if (!found.level_named)
		found.level = LOG_LEVEL_INFO;
	*ret = found;
	return true;
}
