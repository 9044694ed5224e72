/*
 * client/startspec.h - the specification that wishes, a file or command, and what the caller has
 * from its shell amount to.
 */
#ifndef CLIENT_STARTSPEC_H
#define CLIENT_STARTSPEC_H

#include <limits.h>
#include <stdbool.h>

#include "client/agentfile.h"
#include "client/surroundings.h"
#include "client/watcher.h"
#include "config/spec.h"

/* What is wished for. Strings are the caller's, but health. */
struct startspec {
	const struct shell *shell;
	const char *name; /* of the one that is started; NULL: its file's */
	/* numbers, group, and health, which is malloc'ed; the rest is filled in for each */
	struct spec base;
	bool shaped; /* there is a wish for how the process runs; its group is none */
	bool no_registry;
	char **set; /* variables in the place of the shell's: "NAME=VALUE" */
	size_t sets;
	char **env; /* private: the environment handed on, with room for two more */
	size_t envs;
	/* only their first bytes are set at first */
	char cwd[PATH_MAX];	/* "" = a file's own folder, a command's is the current one */
	char pwd[PATH_MAX + 8]; /* private */
};

/* No wishes yet, and room for so many variables. -ENOMEM. Free with startspec_done(), in any
 * case. */
int startspec_init(struct startspec *s, const struct shell *shell, size_t sets);
void startspec_done(struct startspec *s);
/* One variable, which is valid UTF-8; of two with one name the last counts. */
void startspec_set(struct startspec *s, char *variable);

/* Once all wishes are known: what is had from the shell. A variable that can't be handed on, since
 * JSON holds UTF-8 only, is a complaint. -ENOMEM. */
int startspec_take(struct startspec *s, const struct watcher *w);
/* Variables ("NAME=VALUE", NULL behind the last) in the place of the shell's; those that were set
 * are stronger. They have to outlive s. -ENOMEM. */
int startspec_tell(struct startspec *s, char **variables);

/* The texts of specifications, malloc'ed. NULL: f says why. */
char *startspec_agent(struct startspec *s, struct agent *a, struct fault *f);
/* command: argument vector, NULL-terminated. */
char *startspec_command(struct startspec *s, char **command, struct fault *f);
/* The registry that the environment names which they get; NULL: none. */
const char *startspec_registry(const struct startspec *s);

#endif
