/* client/conf.c - the configuration as a command needs it (client/conf.h). */
#include "client/conf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/home.h"

bool conf_path(struct outcomes *oc, const char *home, char *buf, size_t size)
{
	char wanted[PATH_MAX];
	struct fault f = { "" };

	if (home_wanted(home, wanted, &f) < 0) {
		outcome_complain(oc, "%s", f.text);
		return false;
	}
	if ((size_t)snprintf(buf, size, "%s/" CLICONF_FILE, wanted) < size)
		return true;
	outcome_complain(oc, "the path of the home is too long");
	return false;
}

bool conf_load(struct outcomes *oc, const char *home, char *const *env, struct cliconf *ret)
{
	char path[PATH_MAX + sizeof(CLICONF_FILE) + 1];
	struct home h = HOME_INIT;
	struct conf_errors e;
	struct fault f = { "" };
	int r;

	if (!conf_path(oc, home, path, sizeof(path)))
		return false;
	r = home_open(home, HOME_READ, &h, &f);
	if (r < 0 && r != -ENOENT) {
		outcome_complain(oc, "%s", f.text);
		return false;
	}
	r = cliconf_load(r == 0 ? h.fd : -1, path, env, ret, &e);
	home_close(&h);
	if (r < 0)
		outcome_complain(oc, "Configuration error: %s%s", e.text,
			strstr(e.text, path) ? "; \"tend config reset\" makes a new file" : "");
	return r == 0;
}
