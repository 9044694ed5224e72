/*
 * config/cliconf.h - cli_config.json: the reference's twelve keys, and tend's own registry_command.
 *
 * A value comes from the strongest layer that has one: option of the command line, file,
 * environment, built-in default. In the file and in the environment a value that equals the default
 * counts as not set (the reference's own files list every default); an option always counts. The
 * file holds what was set and the keys that tend does not know, which are kept as they are. It is
 * replaced atomically.
 */
#ifndef CONFIG_CLICONF_H
#define CONFIG_CLICONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

#define CLICONF_FILE	  "cli_config.json"
#define CLICONF_BYTES_MAX (1024u * 1024)
#define CLICONF_TEXT_MAX  4096u /* bytes of one value, final NUL included */

enum conf_key { /* sorted by name, as they are shown */
	CONF_AUTO_RESTART,
	CONF_DB_PATH,
	CONF_DEBUG_MODE,
	CONF_ENABLE_BACKGROUND,
	CONF_HEALTH_CHECK_INTERVAL,
	CONF_LOG_LEVEL,
	CONF_PID_FILE,
	/* words parted by blanks; empty = none. Not of the reference, and shown only where it is
	 * set */
	CONF_REGISTRY_COMMAND,
	CONF_REGISTRY_HOST,
	CONF_REGISTRY_PORT,
	CONF_SHUTDOWN_TIMEOUT,
	CONF_STARTUP_TIMEOUT,
	CONF_WATCH_FILES,
	CONF_KEYS
};

enum conf_type { CONF_BOOL, CONF_INT, CONF_TEXT };
enum conf_from { CONF_FROM_DEFAULT, CONF_FROM_ENV, CONF_FROM_FILE, CONF_FROM_OPTION };

struct conf_value {
	enum conf_from from;
	int64_t number; /* of numbers and booleans */
	char *text;	/* of texts; owned */
};

struct cliconf {
	struct conf_value value[CONF_KEYS];
	void *doc;	  /* the file's object, for saving; private */
	char *const *env; /* that it was loaded with; the caller's */
};

/* Everything that is wrong, joined by "; ". */
struct conf_errors {
	char text[4096];
	unsigned n;
};

const char *cliconf_name(enum conf_key key);
const char *cliconf_variable(enum conf_key key); /* of the environment */
enum conf_type cliconf_type(enum conf_key key);
/* -ENOENT: there is no such key. */
int cliconf_find(const char *name, enum conf_key *ret);

/* Read file and environment (NULL: an empty one; it has to outlive ret) and check everything.
 * home_fd -1 or no file: nothing is set there. path names the file in messages. -EINVAL: e says all
 * that is wrong, a syntax error with its line and column. On success release with
 * cliconf_done(). */
int cliconf_load(int home_fd, const char *path, char *const *env, struct cliconf *ret,
	struct conf_errors *e);
void cliconf_done(struct cliconf *c);

int64_t cliconf_number(const struct cliconf *c, enum conf_key key);
bool cliconf_bool(const struct cliconf *c, enum conf_key key);
const char *cliconf_text(const struct cliconf *c, enum conf_key key);
/* Is it among those that are listed? All are but a registry_command that is not set. */
bool cliconf_is_shown(const struct cliconf *c, enum conf_key key);
/* As it is shown: a number, True or False, the text. */
const char *cliconf_show(const struct cliconf *c, enum conf_key key, char buf[static 24]);

/* An option of the command line: wins over everything. With the reason, -EINVAL: it is not a
 * number, or none of the words; -ERANGE: it is one that can't be. */
int cliconf_option(struct cliconf *c, enum conf_key key, const char *text, struct fault *f);
/* Put a value into what cliconf_save() writes, and in force unless the environment is stronger (see
 * above). -EINVAL, -ERANGE with the reason. */
int cliconf_set(struct cliconf *c, enum conf_key key, const char *text, struct fault *f);
/* Put all that is in force and no default into what cliconf_save() writes. */
int cliconf_keep(struct cliconf *c);
int cliconf_save(int home_fd, const struct cliconf *c, struct fault *f);
/* Take every key that tend knows out of the file. Whatever can't be read is replaced. */
int cliconf_reset(int home_fd, struct fault *f);

#endif
