/*
 * base/utf8.h - UTF-8 as RFC 3629 defines it: the one place in which it is decoded.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The character at s, which ends with a NUL: its code point in *ret, and its length of 1 to 4
 * bytes. 0, and *ret is left alone: the bytes there are not UTF-8 (too long a form, half of a
 * UTF-16 pair, beyond U+10FFFF, cut short). A NUL is a character of one byte. Never reads past the
 * NUL. */
size_t utf8_decode(const char *s, uint32_t *ret);

/* The length alone; 0 also at the end of the string. */
size_t utf8_length(const char *s);
bool utf8_is_valid(const char *s);
/* Where to cut s, which is longer than len or was cut there: at len, or before the character that
 * would be split. Bytes that are not UTF-8 are cut where they fall. */
size_t utf8_cut(const char *s, size_t len);

/* Would a terminal, or an editor, act on this character or hide it? Control characters (C0, DEL,
 * C1), the marks that turn the direction of text, and Unicode's two line ends. */
bool utf8_is_hidden(uint32_t c);

#endif
