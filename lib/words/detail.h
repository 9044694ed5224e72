/*
 * words/detail.h - one process in detail, for people.
 */
#ifndef WORDS_DETAIL_H
#define WORDS_DETAIL_H

#include <stdio.h>

#include "client/view.h"

/* h: where its specification is. width: columns of a line; 0 = none is broken. */
void detail_write(FILE *to, const struct view *v, const struct view_row *r, const struct home *h,
	unsigned width);

#endif
