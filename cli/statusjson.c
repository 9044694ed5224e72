/* cli/statusjson.c - status as JSON (cli/statusjson.h). Everything is written before anything is
 * printed, so that no error leaves half a document. */
#include "cli/statusjson.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/home.h"
#include "base/io.h"
#include "base/str.h"
#include "cli/printjson.h"
#include "client/foreign.h"
#include "config/spec.h"
#include "words/doc.h"

/* Its address was written down, its database is in its specification. */
static struct doc_registry registry_of(const struct home *h)
{
	static const char scheme[] = "sqlite:///";
	struct doc_registry a = { .port = 0 };
	struct spec s = { 0 };
	bool known = h->specs_fd >= 0 && spec_load(h->specs_fd, "registry.json", &s, NULL) == 0;
	const char *db = known ? spec_variable(s.env, "MCP_MESH_DATABASE_URL") : NULL;
	char *colon;

	if (h->run_fd < 0 ||
		io_read_small(h->run_fd, HOME_REGISTRY_FILE, a.url, sizeof(a.url)) <= 0)
		a.url[0] = 0;
	a.url[strcspn(a.url, "\r\n")] = 0;
	colon = strrchr(a.url, ':');
	if (colon && strncmp(a.url, "http://", 7) == 0 && colon > a.url + 6 &&
		str_int(colon + 1, 1, 65535, &a.port) == 0)
		snprintf(a.host, sizeof(a.host), "%.*s", (int)(colon - a.url - 7), a.url + 7);
	if (db && strncmp(db, scheme, sizeof(scheme) - 1) == 0)
		a.db = strdup(db + sizeof(scheme) - 1);
	if (known)
		spec_done(&s);
	return a;
}

int statusjson_print(const struct view *v, struct view_row *const *rows, size_t n)
{
	struct view_row **all = rows ? NULL : calloc(v->n + 1, sizeof(*all));
	struct home h = HOME_INIT;
	struct foreign foreign;
	struct doc_status s = { .v = v,
		.rows = rows ? rows : all,
		.n = rows ? n : v->n,
		.home = &h,
		.foreign = &foreign };
	struct json_out o = { 0 };

	(void)home_open(NULL, HOME_READ, &h, NULL);
	foreign_load(&h, &foreign);
	for (size_t i = 0; all && i < v->n; i++)
		all[i] = &v->row[i];
	if (view_registry(v))
		s.registry = registry_of(&h);
	if (s.rows)
		doc_status(&o, &s);
	else
		o.error = -ENOMEM;
	free(all);
	free(s.registry.db);
	foreign_done(&foreign);
	home_close(&h);
	return printjson(&o);
}
