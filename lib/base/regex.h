/*
 * base/regex.h - regular expressions as people write them: POSIX extended ones, with a backslash
 * meaning what it means elsewhere today.
 *
 * regcomp() takes \d for the letter d, and a backslash inside [...] for itself: an expression that
 * looks right and matches nothing. Here \d \D \w \W \s \S, \t \r \n \f \v, and a backslash in front
 * of punctuation work, inside [...] as well; \b \B \< \> and \1 to \9 are those of glibc. Any other
 * letter behind a backslash is an error.
 */
#ifndef BASE_REGEX_H
#define BASE_REGEX_H

#include <regex.h>
#include <stddef.h>

#include "base/fault.h"

/* Compile text; flags: REG_ICASE or 0 (REG_EXTENDED and REG_NOSUB are set). Free it with regfree().
 * -EINVAL: f says why (the expression itself is the caller's to name); -ENOMEM. f may be NULL. */
int regex_compile(regex_t *ret, const char *text, int flags, struct fault *f);

/* The same expression in what regcomp() reads, malloc'ed. Errors as above. */
int regex_translate(const char *text, char **ret, struct fault *f);

#endif
