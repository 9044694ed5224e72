/* config/fields.c - see config/fields.h. */
#include "config/fields.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/regex.h"
#include "base/str.h"

#define ARGS_MAX 64u /* of a list of texts */

int fields_read_argv(
	const cJSON *item, const char *path, const char *key, char ***ret, struct fault *f)
{
	int n = cJSON_IsArray(item) ? cJSON_GetArraySize(item) : 0;
	size_t bytes = 0;
	const cJSON *one;
	char **v, *at;

	if (n < 1 || n > (int)ARGS_MAX)
		return fault_set(f, -EINVAL, "%s.%s: expected a list of 1 to %u strings", path, key,
			ARGS_MAX);
	cJSON_ArrayForEach(one, item)
	{
		if (!cJSON_IsString(one))
			return fault_set(
				f, -EINVAL, "%s.%s: expected a list of strings", path, key);
		bytes += strlen(one->valuestring) + 1;
	}
	v = malloc(((size_t)n + 1) * sizeof(*v) + bytes);
	if (!v)
		return fault_errno(f, -ENOMEM, "%s.%s", path, key);
	at = (char *)(v + n + 1);
	n = 0;
	cJSON_ArrayForEach(one, item)
	{
		v[n++] = at;
		at = stpcpy(at, one->valuestring) + 1;
	}
	v[n] = NULL;
	free(*ret);
	*ret = v;
	return 0;
}

static bool is_port(const char *text, size_t len)
{
	char digits[8];
	int64_t port;

	if (len >= sizeof(digits))
		return false;
	memcpy(digits, text, len);
	digits[len] = '\0';
	return str_int(digits, 1, 65535, &port) == 0;
}

/* The length of the host in front of an authority of len bytes; 0: there is none. An IPv6 address
 * is in brackets. */
static size_t host_length(const char *at, size_t len)
{
	size_t n;

	if (at[0] != '[') {
		n = strcspn(at, ":");
		n = n < len ? n : len;
		return strcspn(at, "[]\"<>\\^`{|}") < n ? 0 : n;
	}
	n = 1 + strspn(at + 1, "0123456789abcdefABCDEF:.");
	if (n < 3 || n > len)
		return 0;
	if (at[n] == '%') /* a zone */
		n += strcspn(at + n, "]/?#@[");
	return at[n] == ']' && n < len ? n + 1 : 0;
}

/* What is wrong with an address of HTTP, as far as its host goes: the rest is the server's to
 * judge. NULL: nothing. */
static const char *url_fault(const char *url)
{
	size_t scheme = strncmp(url, "http://", 7) == 0 ? 7
		: strncmp(url, "https://", 8) == 0	? 8
							: 0,
	       len, host;
	const char *at = url + scheme, *login;

	if (!scheme)
		return "expected an address that begins with http:// or https://";
	for (const char *c = url; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return "an address holds no blanks and control characters";
	len = strcspn(at, "/?#");
	login = memrchr(at, '@', len);
	if (login) {
		len -= (size_t)(login + 1 - at);
		at = login + 1;
	}
	host = host_length(at, len);
	if (host == 0)
		return "expected a host in the address";
	if (host < len && (at[host] != ':' || !is_port(at + host + 1, len - host - 1)))
		return "expected a port from 1 to 65535 after the host";
	return NULL;
}

int fields_read_text(
	const cJSON *item, const struct field *d, const char *path, char *to, struct fault *f)
{
	struct fault why = { "" };
	regex_t re;
	int r;

	if (!cJSON_IsString(item))
		return fault_set(f, -EINVAL, "%s.%s: expected a string", path, d->key);
	if (strpbrk(item->valuestring, "\r\n") || !str_copy(to, d->size, item->valuestring))
		return fault_set(f, -EINVAL, "%s.%s: expected one line of at most %zu bytes", path,
			d->key, d->size - 1);
	if (d->type == F_URL && (to[0] || d->min > 0) && url_fault(to))
		return fault_set(f, -EINVAL, "%s.%s: %s", path, d->key, url_fault(to));
	if (d->type != F_REGEX)
		return 0;
	r = regex_compile(&re, to, 0, &why);
	if (r < 0)
		return fault_set(
			f, r, "%s.%s: not a regular expression: %s", path, d->key, why.text);
	regfree(&re);
	return 0;
}

static int read_number(
	const cJSON *item, const struct field *d, const char *path, char *to, struct fault *f)
{
	double value = item->valuedouble;

	if (!cJSON_IsNumber(item) || !(value >= d->min && value <= d->max))
		return fault_set(f, -EINVAL, "%s.%s: expected a number from %g to %g", path, d->key,
			d->min, d->max);
	if (d->type == F_MS)
		value *= 1000;
	if (d->type == F_BYTES)
		*(uint64_t *)(void *)to = (uint64_t)value;
	else
		*(uint32_t *)(void *)to = (uint32_t)value;
	return 0;
}

static int read_field(
	const cJSON *item, const struct field *d, const char *path, void *base, struct fault *f)
{
	char *to = (char *)base + d->offset;

	switch (d->type) {
	case F_BOOL:
		if (!cJSON_IsBool(item))
			return fault_set(f, -EINVAL, "%s.%s: expected true or false", path, d->key);
		*(bool *)to = cJSON_IsTrue(item);
		return 0;
	case F_TEXT:
	case F_URL:
	case F_REGEX:
		return fields_read_text(item, d, path, to, f);
	case F_ARGV:
		return fields_read_argv(item, path, d->key, (char ***)(void *)to, f);
	case F_OTHER:
		return 0;
	default:
		return read_number(item, d, path, to, f);
	}
}

int fields_read(
	const cJSON *o, const struct field *fields, const char *path, void *base, struct fault *f)
{
	const cJSON *item;

	if (!cJSON_IsObject(o))
		return fault_set(f, -EINVAL, "%s: expected an object", path);
	cJSON_ArrayForEach(item, o)
	{
		const struct field *d = fields;
		int r;

		while (d->key && strcmp(d->key, item->string) != 0)
			d++;
		if (!d->key)
			return fault_set(
				f, -EINVAL, "%s: there is no key \"%.40s\"", path, item->string);
		if ((r = read_field(item, d, path, base, f)) < 0)
			return r;
	}
	return 0;
}
