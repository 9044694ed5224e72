/* client/ownregistry.c - the registry that tend runs (client/ownregistry.h). */
#include "client/ownregistry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/str.h"
#include "config/spec.h"

static char *database_of(const struct home *h)
{
	static const char scheme[] = "sqlite:///";
	struct spec s = { 0 };
	const char *db;
	char *path = NULL;

	if (h->specs_fd < 0 || spec_load(h->specs_fd, "registry.json", &s, NULL) < 0)
		return NULL;
	db = spec_variable(s.env, "MCP_MESH_DATABASE_URL");
	if (db && strncmp(db, scheme, sizeof(scheme) - 1) == 0)
		path = strdup(db + sizeof(scheme) - 1);
	spec_done(&s);
	return path;
}

void ownregistry_load(const struct home *h, struct ownregistry *ret)
{
	char *colon;

	*ret = (struct ownregistry){ .db = database_of(h) };
	if (h->run_fd < 0 ||
		io_read_small(h->run_fd, HOME_REGISTRY_FILE, ret->url, sizeof(ret->url)) <= 0)
		ret->url[0] = 0;
	ret->url[strcspn(ret->url, "\r\n")] = 0;
	colon = strrchr(ret->url, ':');
	if (colon && strncmp(ret->url, "http://", 7) == 0 && colon > ret->url + 6 &&
		str_int(colon + 1, 1, 65535, &ret->port) == 0)
		snprintf(ret->host, sizeof(ret->host), "%.*s", (int)(colon - ret->url - 7),
			ret->url + 7);
}

void ownregistry_done(struct ownregistry *r)
{
	free(r->db);
	*r = (struct ownregistry){ .port = 0 };
}
