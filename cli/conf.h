/*
 * cli/conf.h - the configuration as a command needs it: loaded once, complaints in one line.
 */
#ifndef CLI_CONF_H
#define CLI_CONF_H

#include "client/outcome.h"
#include "config/cliconf.h"

/* Load cli_config.json of the home and the environment. A home that does not exist has no file.
 * False: a complaint. Release with cliconf_done(). */
bool conf_load(struct outcomes *oc, struct cliconf *ret);
/* Path of the file. False: a complaint. */
bool conf_path(struct outcomes *oc, char *buf, size_t size);

#endif
