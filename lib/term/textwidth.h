/*
 * term/textwidth.h - texts on a terminal: how many columns they fill, where they can be cut.
 */
#ifndef TERM_TEXTWIDTH_H
#define TERM_TEXTWIDTH_H

#include <stddef.h>

/* Columns of so many bytes on a terminal: two for wide characters (East Asian, emoji), none for
 * combining ones. Our own tables rather than wcwidth(3): a locale takes as long to load as a whole
 * status takes. */
size_t textwidth_columns(const char *s, size_t bytes);
/* Bytes of as many characters as fit into that many columns. */
size_t textwidth_bytes(const char *s, size_t columns);

#endif
