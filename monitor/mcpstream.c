/* monitor/mcpstream.c - see monitor/mcpstream.h. */
#include "monitor/mcpstream.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

bool mcpstream_is_reply(const struct cJSON *doc, int id)
{
	const cJSON *number = cJSON_GetObjectItemCaseSensitive(doc, "id");
	const cJSON *result = cJSON_GetObjectItemCaseSensitive(doc, "result");

	if (!cJSON_IsNumber(number) || number->valuedouble != (double)id)
		return false;
	return cJSON_IsObject(result) || cJSON_GetObjectItemCaseSensitive(doc, "error");
}

/* The length of a line, without its end: a line feed, a carriage return, or both. */
static size_t line_length(const char *line)
{
	return strcspn(line, "\r\n");
}

static const char *after(const char *end)
{
	return end + (end[0] == '\r' && end[1] == '\n' ? 2 : end[0] != 0);
}

/* Append what a "data" line holds; the values of several are lines of one. */
static size_t take_data(char *to, size_t n, const char *line, size_t len)
{
	size_t skip = 5;

	if (len < 5 || memcmp(line, "data:", 5) != 0)
		return n;
	skip += len > 5 && line[5] == ' ';
	if (n)
		to[n++] = '\n';
	memcpy(to + n, line + skip, len - skip);
	return n + len - skip;
}

static bool answers(const char *data, int id)
{
	cJSON *doc = cJSON_Parse(data);
	bool yes = doc && mcpstream_is_reply(doc, id);

	cJSON_Delete(doc);
	return yes;
}

char *mcpstream_next(const char *body, size_t *at, int id, bool ended)
{
	const char *line = body + *at;
	/* each "data:" is longer than the line feed that replaces it */
	char *data = malloc(strlen(line) + 1);
	size_t n = 0;

	while (data && (*line || ended)) {
		size_t len = line_length(line);
		bool last = line[len] == 0;

		if (last && !ended)
			break;
		n = take_data(data, n, line, len);
		if (len == 0 || last) {
			data[n] = 0;
			*at = (size_t)(after(line + len) - body);
			if (n && answers(data, id))
				return data;
			n = 0;
		}
		if (last)
			break;
		line = after(line + len);
	}
	free(data);
	return NULL;
}
