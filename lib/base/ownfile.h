/*
 * base/ownfile.h - whether a file that is used by its path is the caller's own. What lies there may
 * have been put there by whoever else may write to the folder: a link of theirs would have us write
 * into a file of the caller's, and what they wrote would be taken for ours.
 */
#ifndef BASE_OWNFILE_H
#define BASE_OWNFILE_H

#include "base/fault.h"

/* A database of SQLite, with its own files beside it: a log of others would be played into it. 0
 * also where nothing lies there; a link that is the caller's or root's is followed. -ELOOP, -EPERM,
 * -EINVAL: f names the file, its owner, and the option for another one. */
int ownfile_database(const char *path, struct fault *f);

#endif
