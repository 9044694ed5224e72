/* registry/gate.c - see registry/gate.h. */
#include "registry/gate.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>


#define HOST_MAX 300u

/* "localhost:8080" and "[::1]:8080" without their ports. False: it is not a host. */
static bool host_part(const char *text, char bare[static HOST_MAX])
{
	bool v6 = text[0] == '[';
	const char *from = v6 ? text + 1 : text;
	size_t len = strcspn(from, v6 ? "]" : ":"), rest = len + v6;

	if (len == 0 || len >= HOST_MAX || (v6 && from[len] != ']'))
		return false;
	if (from[rest] &&
		(from[rest] != ':' ||
			strspn(from + rest + 1, "0123456789") != strlen(from + rest + 1)))
		return false;
	memcpy(bare, from, len);
	bare[len] = 0;
	if (bare[len - 1] == '.') /* the root of all names, where somebody wrote it */
		bare[len - 1] = 0;
	return bare[0] != 0;
}

static bool is_address(const char *bare)
{
	char out[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, bare, out) == 1 || inet_pton(AF_INET6, bare, out) == 1;
}

static bool same_host(const char *bare, const char *name)
{
	size_t len = strlen(name);

	if (name[0] == '[' && len > 2)
		return strlen(bare) == len - 2 && strncasecmp(bare, name + 1, len - 2) == 0;
	return strcasecmp(bare, name) == 0;
}

static bool host_ok(const struct gate *g, const char *host)
{
	char bare[HOST_MAX];

	if (!host_part(host, bare))
		return false;
	if (is_address(bare) || strcasecmp(bare, "localhost") == 0 ||
		(g->own && same_host(bare, g->own)))
		return true;
	for (size_t i = 0; i < g->n_allowed; i++)
		if (same_host(bare, g->allowed[i]))
			return true;
	return g->public && !strchr(bare, '.');
}

/* Pages of this registry itself, if it had some, are at the very host and port that is asked. */
static bool is_own_origin(const char *origin, const char *host)
{
	return host && strncmp(origin, "http://", 7) == 0 && strcasecmp(origin + 7, host) == 0;
}

static bool type_ok(const char *type)
{
	size_t len;

	if (!type)
		return true;
	type += strspn(type, " \t");
	len = strcspn(type, "; \t");
	return (len == 16 && strncasecmp(type, "application/json", 16) == 0) ||
		(len > 5 && strncasecmp(type + len - 5, "+json", 5) == 0) ||
		(len == 33 && strncasecmp(type, "application/x-www-form-urlencoded", 33) == 0);
}

unsigned gate_check(
	const struct gate *g, const char *method, const struct gate_headers *h, const char **why)
{
	bool looks = strcmp(method, "GET") == 0;

	if (h->host && !host_ok(g, h->host)) {
		*why = "Host is not a name of this registry; --allow-host adds one";
		return 421;
	}
	if (h->origin && !is_own_origin(h->origin, h->host)) {
		*why = "pages of another origin may not ask this registry";
		return 403;
	}
	if (!looks && h->fetch_site && strcmp(h->fetch_site, "same-origin") != 0 &&
		strcmp(h->fetch_site, "none") != 0) {
		*why = "pages of another site may not ask this registry";
		return 403;
	}
	if (strcmp(method, "POST") == 0 && !type_ok(h->content_type)) {
		*why = "a body must be of the type application/json";
		return 415;
	}
	return 0;
}
