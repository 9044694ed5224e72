/*
 * cli/place.h - paths as they were typed, made absolute. Symbolic links in them stay: each launch
 * follows them anew, as is wanted where a link says which release is the present one.
 */
#ifndef CLI_PLACE_H
#define CLI_PLACE_H

#include <limits.h>
#include <stdbool.h>

#include "base/fault.h"

/* The current folder: $PWD, in which the shell keeps the links by which it got there, as long as
 * that names it. -errno, f says that it can't be told. */
int place_here(char buf[static PATH_MAX], struct fault *f);

/* Absolute, without "." and doubled slashes. What stands in front of a ".." is resolved, for that
 * means the folder above the one that a link leads to. -errno. */
int place_absolute(const char *path, char buf[static PATH_MAX], struct fault *f);

/* Do both lead to the same file? */
bool place_same(const char *a, const char *b);

#endif
