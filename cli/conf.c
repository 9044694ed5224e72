/* cli/conf.c - the configuration as a command needs it (cli/conf.h). */
#include "cli/conf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/home.h"

bool conf_path(struct outcomes *oc, char *buf, size_t size)
{
	char home[PATH_MAX];
	struct fault f = { "" };

	if (home_wanted(NULL, home, &f) < 0) {
		outcome_complain(oc, "%s", f.text);
		return false;
	}
	if ((size_t)snprintf(buf, size, "%s/" CLICONF_FILE, home) < size)
		return true;
	outcome_complain(oc, "the path of the home is too long");
	return false;
}

bool conf_load(struct outcomes *oc, struct cliconf *ret)
{
	char path[PATH_MAX + sizeof(CLICONF_FILE) + 1];
	struct home h = HOME_INIT;
	struct conf_errors e;
	struct fault f = { "" };
	int r;

	if (!conf_path(oc, path, sizeof(path)))
		return false;
	r = home_open(NULL, HOME_READ, &h, &f);
	if (r < 0 && r != -ENOENT) {
		outcome_complain(oc, "%s", f.text);
		return false;
	}
	r = cliconf_load(r == 0 ? h.fd : -1, path, environ, ret, &e);
	home_close(&h);
	if (r < 0)
		outcome_complain(oc, "Configuration error: %s%s", e.text,
			strstr(e.text, path) ? "; \"tend config reset\" makes a new file" : "");
	return r == 0;
}
