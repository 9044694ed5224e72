/*
 * base/library.h - shared libraries that few commands need, loaded when they do: all others start
 * sooner and take less memory.
 */
#ifndef BASE_LIBRARY_H
#define BASE_LIBRARY_H

#include <stdbool.h>

/* Set the pointer at to, to a function or an object, to what the library (from dlopen()) calls
 * name. False: it has no such thing; the pointer is then NULL. */
bool library_find(void *library, const char *name, void *to);

#endif
