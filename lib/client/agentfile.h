/*
 * client/agentfile.h - from what was typed behind "tend start" to how it is run: which program,
 * which arguments, which folder, which name.
 */
#ifndef CLIENT_AGENTFILE_H
#define CLIENT_AGENTFILE_H

#include <limits.h>
#include <stdbool.h>

#include "base/fault.h"
#include "base/str.h"

#define AGENT_ARGS_MAX 4

struct agent {
	char name[NAME_MAX_BYTES];
	char file[PATH_MAX];   /* absolute, symbolic links as they are (client/place.h) */
	char folder[PATH_MAX]; /* where it lies */
	char exe[PATH_MAX];
	char *argv[AGENT_ARGS_MAX];
	/* the interpreter that its #! line names, if it is executable and run by another; else ""
	 * */
	char passed_over[256];
	bool python;
};

/* Look at a file, whose path may be relative (env as for place_here()): .py runs by python3, .js
 * and .mjs by node, .ts by npx tsx, .jar by java -jar, an executable as itself. name NULL: the
 * file's name without its last suffix. ret->argv points into ret: don't copy it. Errors are one
 * sentence with path and reason. */
int agentfile_look(
	char *const *env, const char *file, const char *name, struct agent *ret, struct fault *f);

/* The program that a shell would run for this word: a path, made absolute, or a name looked up in
 * those folders of env's $PATH that are absolute paths. */
int agentfile_program(
	char *const *env, const char *word, char buf[static PATH_MAX], struct fault *f);

/* May a process be called that? As name_check(), and not one of the names that tend keeps for
 * itself. */
int agentfile_name(const char *name, struct fault *f);

#endif
