/* tests/fuzz/fuzz_mcpstream.c - a stream of events: what is found in it answers the request, and is
 * found whichever way the stream is cut. */
/* links: monitor/mcpstream.c */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/mcpstream.h"
#include "tests/fuzz/fuzz.h"

static void check_reply(const char *reply)
{
	cJSON *doc = cJSON_Parse(reply);

	MUST(doc && mcpstream_is_reply(doc, 2));
	cJSON_Delete(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *part, *whole, *cut = NULL;
	size_t at = 0, part_at = 0, len = text ? strlen(text) : 0;

	if (!text)
		return 0;
	whole = mcpstream_next(text, &at, 2, true);
	MUST(at <= len);
	part = strndup(text, len / 2);
	if (part)
		cut = mcpstream_next(part, &part_at, 2, false);
	MUST(part_at <= len / 2);
	if (!cut)
		cut = mcpstream_next(text, &part_at, 2, true);
	MUST((whole == NULL) == (cut == NULL) && (!whole || strcmp(whole, cut) == 0));
	if (whole)
		check_reply(whole);
	free(whole);
	free(cut);
	free(part);
	free(text);
	return 0;
}
