/*
 * cli/utf8.h - as much of UTF-8 as printing takes: is it valid, how many columns does it fill, where can it be cut.
 */
#ifndef CLI_UTF8_H
#define CLI_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character at s: 1 to 4; 0 = what is there is no UTF-8 (or the end of the string). */
size_t utf8_length(const char *s);
bool utf8_is_valid(const char *s);

/* Columns of so many bytes on a terminal: two for wide characters (East Asian, emoji), none for combining ones. Our own tables rather than wcwidth(3): a locale takes as long
 * to load as a whole status takes. */
size_t utf8_columns(const char *s, size_t bytes);
/* Bytes of as many characters as fit into that many columns. */
size_t utf8_bytes(const char *s, size_t columns);

#endif
