/* cli/json.c - JSON output (cli/json.h). */
#include "cli/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "cli/out.h"
#include "config/redact.h"

#define MASKED_MAX 1024u

cJSON *json_text(const char *text)
{
	char *clean, *to;
	cJSON *item;

	if (!text)
		return cJSON_CreateNull();
	if (utf8_is_valid(text))
		return cJSON_CreateString(text);
	clean = malloc(3 * strlen(text) + 1);
	if (!clean)
		return NULL;
	for (to = clean; *text;) {
		size_t len = utf8_length(text);

		if (len) {
			memcpy(to, text, len);
			to += len;
			text += len;
		} else {
			memcpy(to, "\xef\xbf\xbd", 3);
			to += 3;
			text++;
		}
	}
	*to = 0;
	item = cJSON_CreateString(clean);
	free(clean);
	return item;
}

cJSON *json_masked(const char *text)
{
	char shown[MASKED_MAX];

	if (text)
		redact_copy(shown, sizeof(shown), text);
	return json_text(text ? shown : NULL);
}

cJSON *json_time(uint64_t real_ns)
{
	char buf[CLOCK_TEXT_MAX];

	return real_ns ? cJSON_CreateString(clock_rfc3339(real_ns, buf)) : cJSON_CreateNull();
}

cJSON *json_seconds(uint64_t ns)
{
	uint64_t whole_ms = ns / NS_PER_MS;

	return cJSON_CreateNumber((double)whole_ms / 1000.0);
}

cJSON *json_u64(uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRIu64, value);
	return cJSON_CreateRaw(digits);
}

/* cJSON indents by tabs, and writes one behind each key. Inside a string both tab and line break are escaped, so
 * every one here is layout. */
static void print_indented(const char *text)
{
	bool at_start = true;

	while (*text) {
		size_t len = strcspn(text, "\t\n"), inner;

		if (len) {
			fwrite(text, 1, len, stdout);
			at_start = false;
		}
		text += len;
		inner = *text == '\n' && len && text[-1] == '{' ? 1 + strspn(text + 1, "\t") : 0;
		if (inner && text[inner] == '}') { /* an empty object takes no second line */
			text += inner;
			continue;
		}
		if (*text == '\t')
			fputs(at_start ? "  " : " ", stdout);
		else if (*text == '\n')
			putchar('\n');
		at_start = at_start || *text == '\n';
		text += *text != 0;
	}
	putchar('\n');
}

static int print_text(char *text)
{
	char *safe = text ? utf8_safe_json(text) : NULL;

	cJSON_free(text);
	if (!safe)
		return out_fail("out of memory");
	print_indented(safe);
	free(safe);
	return EXIT_OK;
}

bool json_add(cJSON *to, const char *key, cJSON *item)
{
	if (item && cJSON_AddItemToObject(to, key, item))
		return true;
	cJSON_Delete(item);
	return false;
}

int json_print(cJSON *tree)
{
	char *text = tree ? cJSON_Print(tree) : NULL;

	cJSON_Delete(tree);
	return print_text(text);
}

int json_print_line(cJSON *tree)
{
	char *text = tree ? cJSON_PrintUnformatted(tree) : NULL;

	cJSON_Delete(tree);
	return print_text(text);
}
