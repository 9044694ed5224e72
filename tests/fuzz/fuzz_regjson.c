/* tests/fuzz/fuzz_regjson.c - a registry's answer: what is accepted is whole, each agent in it is
 * found again, and what the CLI gets to see of it is JSON. */
/* links: monitor/regjson.c */
#include <cjson/cJSON.h>
#include <string.h>

#include "monitor/regjson.h"
#include "tests/fuzz/fuzz.h"

#define NOW_REAL_NS 1795000000000000000ull

static void check_entry(const struct reg_list *l, const struct reg_entry *e)
{
	MUST(memchr(e->name, 0, sizeof(e->name)) && memchr(e->id, 0, sizeof(e->id)) &&
		memchr(e->endpoint, 0, sizeof(e->endpoint)) &&
		memchr(e->status, 0, sizeof(e->status)));
	MUST(e->name[0] || e->id[0]);
	(void)reg_is_alive(e, NOW_REAL_NS);
	if (e->name[0])
		MUST(reglist_find(l, e->name) != NULL);
	else
		MUST(reglist_find(l, e->id) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reg_list l;
	struct fault f = { "" };
	cJSON *shown;

	if (regjson_parse((const char *)data, size, NOW_REAL_NS, &l, &f) < 0) {
		MUST(f.text[0] && memchr(f.text, 0, sizeof(f.text)) && !strchr(f.text, '\n'));
		return 0;
	}
	MUST(l.n <= REGJSON_ENTRIES_MAX);
	for (size_t i = 0; i < l.n; i++)
		check_entry(&l, &l.entry[i]);
	shown = cJSON_Parse(l.shown);
	MUST(cJSON_IsArray(shown) && (size_t)cJSON_GetArraySize(shown) == l.n);
	cJSON_Delete(shown);
	reglist_done(&l);
	return 0;
}
