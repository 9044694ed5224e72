/*
 * client/logplaces.h - which logs a command is about: those in the home, and in the folders that
 * the reference looks into (./logs, /tmp/mcp_mesh_logs), where the home has none of that name.
 */
#ifndef CLIENT_LOGPLACES_H
#define CLIENT_LOGPLACES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/home.h"
#include "client/outcome.h"
#include "logread/merge.h"

#define LOGPLACES_FOLDERS 3

struct log_folder {
	int fd;
	char *path;
};

struct logplaces {
	const char *home; /* the caller's */
	int folder[LOGPLACES_FOLDERS];
	char *path[LOGPLACES_FOLDERS];
	struct log_folder *own; /* of logs that agents write themselves (client/ownlogs.h) */
	size_t own_n;
	/* sorted by name; NAME@err behind NAME, what agents write themselves behind all */
	struct log_place *list;
	size_t n;
	bool elsewhere;
	bool incomplete; /* there was no memory for some */
};

/* home NULL: $TEND_HOME or the default; it must outlive *ret. names: n of them, or 0: all. foreign:
 * with 0 names, the folders outside the home, too. False: something went wrong, or a name has no
 * log, which oc heard. *ret is to be given back in either case. */
bool logplaces_find(struct outcomes *oc, const char *home, char *const *names, size_t n,
	bool foreign, struct logplaces *ret);
void logplaces_done(struct logplaces *p);
/* The path of the folder of a place. */
const char *logplaces_path(const struct logplaces *p, const struct log_place *at);
/* Files came: the logs that were not there before are added behind the others. */
void logplaces_refresh(struct logplaces *p);
/* Standard error's own logs are added behind the others, for processes that may write there yet. */
void logplaces_expect_errors(struct logplaces *p);
/* A log anywhere else, whose entries bear the label. Nothing happens where it is shown already as
 * one of a folder of p. */
void logplaces_add_own(
	struct logplaces *p, const char *folder, const char *stem, const char *label);
/* What the entries of a place bear as their stem. */
const char *logplaces_label(const struct log_place *at);

#endif
