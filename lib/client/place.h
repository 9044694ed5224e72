/*
 * client/place.h - paths as they were typed, made absolute. Symbolic links in them stay: each
 * launch follows them anew, as is wanted where a link says which release is the present one.
 */
#ifndef CLIENT_PLACE_H
#define CLIENT_PLACE_H

#include <limits.h>
#include <stdbool.h>

#include "base/fault.h"

/* The current folder: $PWD of env, in which the shell keeps the links by which it got there, as
 * long as that names it. -errno, f says that it can't be told. */
int place_here(char *const *env, char buf[static PATH_MAX], struct fault *f);

/* Absolute (relative to place_here()), without "." and doubled slashes. What is in front of a
 * ".." is resolved, for that means the folder above the one that a link leads to. -errno. */
int place_absolute(char *const *env, const char *path, char buf[static PATH_MAX], struct fault *f);

/* Do both lead to the same file? */
bool place_same(const char *a, const char *b);

#endif
