/*
 * client/conf.h - the configuration as a command needs it: loaded once, complaints in one line.
 */
#ifndef CLIENT_CONF_H
#define CLIENT_CONF_H

#include "client/outcome.h"
#include "config/cliconf.h"

/* Load cli_config.json of the home (NULL: $TEND_HOME or the default) and the environment, which has
 * to outlive ret. A home that does not exist has no file. False: a complaint. Release with
 * cliconf_done(). */
bool conf_load(struct outcomes *oc, const char *home, char *const *env, struct cliconf *ret);
/* Path of the file. False: a complaint. */
bool conf_path(struct outcomes *oc, const char *home, char *buf, size_t size);

#endif
