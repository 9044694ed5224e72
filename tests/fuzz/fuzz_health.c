/* tests/fuzz/fuzz_health.c - how health is found out: the object of a specification, monitor.json,
 * and the words of tend start --health. */
#define _GNU_SOURCE 1
#include <string.h>

#include "config/health.h"
#include "config/healthword.h"
#include "tests/fuzz/fuzz.h"

/* What is asked has a host. */
static void check_probe(const struct health_probe *p)
{
	const char *host = p->url + (strncmp(p->url, "https://", 8) == 0 ? 8 : 7), *login;

	if ((p->kind != HEALTH_HTTP && p->kind != HEALTH_MCP) || !p->url[0])
		return;
	MUST(strncmp(p->url, "http", 4) == 0);
	login = memrchr(host, '@', strcspn(host, "/?#"));
	if (login)
		host = login + 1;
	MUST(*host && !strchr("/?#:]", *host));
}

static void check_word(const char *word)
{
	struct health_conf c;
	struct fault f = { "" };
	char *text = health_is_word(word) ? health_from_word(word, &f) : NULL;

	if (!text)
		return;
	MUST(health_parse(text, strlen(text), &c, &f) == 0);
	for (int i = 0; i < HEALTH_PROBES; i++)
		check_probe(&c.probe[i]);
	health_conf_done(&c);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct health_conf c;
	struct health_all a;
	struct fault f = { "" };
	char word[600];
	size_t n = size < sizeof(word) - 1 ? size : sizeof(word) - 1;

	if (health_parse((const char *)data, size, &c, &f) == 0) {
		for (int i = 0; i < HEALTH_PROBES; i++)
			check_probe(&c.probe[i]);
		health_conf_done(&c);
	} else {
		MUST(f.text[0]);
	}
	if (health_parse_all((const char *)data, size, &a, &f) == 0)
		health_all_done(&a);
	memcpy(word, data, n);
	word[n] = 0;
	check_word(word);
	return 0;
}
