/*
 * words/paragraph.h - sentences broken at blanks.
 */
#ifndef WORDS_PARAGRAPH_H
#define WORDS_PARAGRAPH_H

#include <stdio.h>

/* The rest of a paragraph, behind as many columns as indent, which the lines that follow keep free.
 * width: columns of a line; 0 = it is not broken. */
void paragraph_write(FILE *to, const char *text, unsigned indent, unsigned width);

#endif
