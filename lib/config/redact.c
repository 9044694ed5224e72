/* config/redact.c - masks secrets in arguments (config/redact.h). */
#define _GNU_SOURCE 1
#include "config/redact.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/io.h"
#include "base/str.h"

#define MASK "***"

static bool in_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* Does a name mean a secret? The word may stand anywhere in it, but must end there: a token is one,
 * max-tokens and tokenizer are none. */
static bool is_secret(const char *name, size_t len)
{
	static const char *const words[] = {
		"password",
		"passwd",
		"passphrase",
		"secret",
		"secrets",
		"token",
		"apikey",
		"api_key",
		"api-key",
		"access_key",
		"access-key",
		"private_key",
		"private-key",
		"secret_key",
		"secret-key",
		"credential",
		"credentials",
		"authorization",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = strlen(words[i]);

		for (size_t at = 0; at + n <= len; at++)
			if (strncasecmp(name + at, words[i], n) == 0 &&
				(at + n == len || !isalpha((unsigned char)name[at + n])))
				return true;
	}
	return false;
}

/* The end of a value: the closing quote if it begins with one, else what can't belong to a word of
 * a shell or a query. A header's goes to the end. */
static const char *value_end(const char *value, char separator)
{
	const char *end = NULL;

	if (*value == '"' || *value == '\'') {
		end = strchr(value + 1, *value);
		if (end)
			return end + 1;
		value++;
	}
	return value + strcspn(value, separator == ':' ? "\"'" : " \t\n;&|\"'");
}

/* "://USER:PASSWORD@" at p: the '@', else NULL. */
static const char *login_end(const char *p)
{
	size_t len;

	if (strncmp(p, "://", 3) != 0)
		return NULL;
	len = strcspn(p + 3, "/ \t\n\"'@");
	return p[3 + len] == '@' && memchr(p + 3, ':', len) ? p + 3 + len : NULL;
}

void redact_argument(FILE *out, const char *before, const char *argument)
{
	const char *p = argument, *name = argument, *end;

	if (before && before[0] == '-' && argument[0] != '-' && !strpbrk(before, "= :") &&
		is_secret(before, strlen(before))) {
		fputs(MASK, out);
		return;
	}
	while (*p) {
		if ((end = login_end(p))) {
			fputs("://" MASK, out);
			name = p = end;
			continue;
		}
		if ((*p == '=' || *p == ':') && p[1] && is_secret(name, (size_t)(p - name))) {
			const char *value = p + 1 + (*p == ':' ? strspn(p + 1, " ") : 0);

			end = value_end(value, *p);
			fprintf(out, "%.*s%s", (int)(value - p), p, end > value ? MASK : "");
			name = p = end;
			continue;
		}
		fputc(*p, out);
		if (!in_name(*p) &&
			!((*p == '"' || *p == '\'') &&
				(p[1] == ':' || p[1] == '='))) /* {"token": "x"} */
			name = p + 1;
		p++;
	}
}

void redact_copy(char *buf, size_t size, const char *text)
{
	char *masked = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&masked, &len);

	if (out)
		redact_argument(out, NULL, text);
	(void)str_copy(buf, size, out && io_text_done(out, &masked) == 0 ? masked : MASK);
	free(masked);
}
