/* client/meshaddr.c - where the registry is (client/meshaddr.h). */
#include "client/meshaddr.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/io_replace.h"
#include "base/str.h"
#include "client/portowner.h"

void meshaddr_say(struct meshaddr *r)
{
	bool bare_v6 = strchr(r->host, ':') && r->host[0] != '[';

	snprintf(r->url, sizeof(r->url), bare_v6 ? "http://[%s]:%u" : "http://%s:%u", r->host,
		r->port);
}

bool meshaddr_write(struct outcomes *oc, const struct instance *in, const struct meshaddr *r)
{
	char text[sizeof(r->url) + 1];
	int n = snprintf(text, sizeof(text), "%s\n", r->url),
	    e = io_replace(in->home.run_fd, HOME_REGISTRY_FILE, text, (size_t)n, IO_NO_SYNC);

	if (e < 0)
		outcome_complain(oc, "cannot write %s/run/" HOME_REGISTRY_FILE ": %s",
			in->home.path, strerror(-e));
	return e == 0;
}

bool meshaddr_last(const struct home *h, struct meshaddr *r)
{
	char text[sizeof(r->url) + 1], *colon, *host = text + 7;
	int64_t port;

	if (h->run_fd < 0 ||
		io_read_small(h->run_fd, HOME_REGISTRY_FILE, text, sizeof(text)) <= 0 ||
		strncmp(text, "http://", 7) != 0)
		return false;
	text[strcspn(text, "\r\n")] = 0;
	colon = strrchr(host, ':');
	if (!colon || str_int(colon + 1, 1, 65535, &port) < 0)
		return false;
	*colon = 0;
	str_copy(r->host, sizeof(r->host), host);
	r->port = (unsigned)port;
	meshaddr_say(r);
	return true;
}

/* db_path is relative to the folder that the command is called in; its folders are made. */
bool meshaddr_database(struct outcomes *oc, const struct cliconf *c, struct meshaddr *r)
{
	const char *path = cliconf_text(c, CONF_DB_PATH);
	char here[PATH_MAX];

	while (strncmp(path, "./", 2) == 0)
		path += 2;
	if (path[0] == '/' ? str_copy(r->db, sizeof(r->db), path)
			   : getcwd(here, sizeof(here)) != NULL &&
				snprintf(r->db, sizeof(r->db), "%s/%s", here, path) <
					(int)sizeof(r->db)) {
		for (char *p = strchr(r->db + 1, '/'); p; p = strchr(p + 1, '/')) {
			*p = 0;
			if (mkdir(r->db, 0777) < 0 && errno != EEXIST) {
				outcome_complain(oc,
					"cannot make the folder %s for the registry's database: %s",
					r->db, strerror(errno));
				return false;
			}
			*p = '/';
		}
		return true;
	}
	outcome_complain(oc, "the path of the registry's database is too long");
	return false;
}

/* By the address at which it listens, where that is not the whole of its host. */
void meshaddr_bind(struct meshaddr *r)
{
	char text[80];

	if (!portowner_part(r->host, r->port, text, sizeof(text)))
		return;
	str_copy(r->host, sizeof(r->host), text);
	meshaddr_say(r);
}

bool meshaddr_named(struct outcomes *oc, const struct instance *in, const char *url)
{
	struct meshaddr r = { 0 };
	struct pt_row row;

	if (pt_find(in->pt, MESH_NAME, &row) == 0 &&
		(pt_state_traits(row.life.state) & PT_TRAIT_UP))
		return true;
	if (str_copy(r.url, sizeof(r.url), url))
		return meshaddr_write(oc, in, &r);
	outcome_complain(oc,
		"MCP_MESH_REGISTRY_URL is longer than %zu bytes; the monitor can't ask it",
		sizeof(r.url) - 1);
	return true;
}

char **meshaddr_variables(
	const struct meshaddr *r, const struct cliconf *c, struct meshaddr_variables *ret)
{
	char(*text)[PATH_MAX + 64] = ret->text;

	snprintf(text[0], sizeof(text[0]), "MCP_MESH_REGISTRY_URL=%s", r->url);
	snprintf(text[1], sizeof(text[1]), "MCP_MESH_REGISTRY_HOST=%s", r->host);
	snprintf(text[2], sizeof(text[2]), "MCP_MESH_REGISTRY_PORT=%u", r->port);
	snprintf(text[3], sizeof(text[3]), "MCP_MESH_DATABASE_URL=sqlite:///%s", r->db);
	snprintf(text[4], sizeof(text[4]), "MCP_MESH_DEBUG=%d", cliconf_bool(c, CONF_DEBUG_MODE));
	snprintf(text[5], sizeof(text[5]), "MCP_MESH_LOG_LEVEL=%.100s",
		cliconf_text(c, CONF_LOG_LEVEL));
	for (size_t i = 0; i < MESHADDR_VARIABLES; i++)
		ret->list[i] = text[i];
	ret->list[MESHADDR_VARIABLES] = NULL;
	return ret->list;
}
