/*
 * base/runnable.h - whether a program could be executed, asked before anything is done for it.
 * "Yes" is no promise: it may be gone a moment later.
 */
#ifndef BASE_RUNNABLE_H
#define BASE_RUNNABLE_H

#include <stdbool.h>

#include "base/fault.h"

#define RUNNABLE_LINE_BYTES 256 /* of a "#!" line: the kernel reads no more */

/* A regular file that we may execute. Links are followed. */
int runnable_program(const char *path, struct fault *f);
/* The words of a file's "#!" line, parted by blanks: the interpreter, and what it is told. False:
 * there is none, or it can't be read. */
bool runnable_shebang(const char *path, char line[static RUNNABLE_LINE_BYTES]);
/* The interpreter of its "#!" line, if it has one: execve() reports a missing one as if the file
 * itself were missing. */
int runnable_interpreter(const char *path, struct fault *f);

#endif
