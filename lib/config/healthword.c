/* config/healthword.c - see config/healthword.h. */
#include "config/healthword.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "config/health.h"
#include "json/write.h"

bool health_is_word(const char *word)
{
	static const char *const begin[] = { "mesh:", "http:", "https:", "tcp:", "exec:", "mcp:" };

	for (unsigned i = 0; i < 6; i++)
		if (strncmp(word, begin[i], strlen(begin[i])) == 0)
			return true;
	return strcmp(word, "mesh") == 0;
}

/* "mesh" or "mesh:PORT". */
static int write_mesh(struct json_out *o, const char *word, struct fault *f)
{
	int64_t port = 0;

	if (word[4] && str_int(word + 5, 1, 65535, &port) < 0)
		return fault_set(f, -EINVAL, "expected mesh:PORT, with a port from 1 to 65535");
	json_text(o, "probes", "mesh");
	if (word[4])
		json_int(o, "port", port);
	return 0;
}

static void write_probe(struct json_out *o, const char *word)
{
	const char *rest = word + strcspn(word, ":");
	char target[512];

	if (strncmp(word, "exec:", 5) == 0) {
		json_open(o, "exec", '[');
		if (rest[1]) { /* an empty one is refused */
			json_text(o, NULL, "/bin/sh");
			json_text(o, NULL, "-c");
			json_text(o, NULL, rest + 1);
		}
		json_close(o);
	} else if (strncmp(word, "tcp:", 4) == 0) {
		(void)snprintf(target, sizeof(target), "%s%s",
			strchr(rest + 1, ':') ? "" : "localhost:", rest + 1);
		json_text(o, "tcp", target);
	} else if (strncmp(word, "mcp:", 4) == 0) {
		json_text(o, "mcp", rest + 1);
	} else { /* http:URL or the address itself */
		json_text(o, "http", strncmp(rest, "://", 3) == 0 ? word : rest + 1);
	}
}

static int write_word(struct json_out *o, const char *word, struct fault *f)
{
	int r = 0;

	json_open(o, NULL, '{');
	if (strncmp(word, "mesh", 4) == 0 && (word[4] == 0 || word[4] == ':')) {
		r = write_mesh(o, word, f);
	} else {
		json_open(o, "probes", '{');
		json_open(o, "liveness", '{');
		write_probe(o, word);
		json_close(o);
		json_close(o);
	}
	json_close(o);
	return r;
}

char *health_from_word(const char *word, struct fault *f)
{
	struct json_out o = { .one_line = true, .as_is = true };
	struct health_conf c;
	char *text;

	if (write_word(&o, word, f) < 0) {
		json_free(&o);
		return NULL;
	}
	text = json_take(&o);
	if (!text)
		return NULL;
	if (health_parse(text, strlen(text), &c, f) < 0) {
		free(text);
		return NULL;
	}
	health_conf_done(&c);
	return text;
}
