/*
 * cli/paint.h - the colours of tones on a terminal.
 */
#ifndef CLI_PAINT_H
#define CLI_PAINT_H

#include "term/term.h"
#include "words/tone.h"

enum term_colour paint_colour(enum tone tone);
/* The sequence that turns it on; "" where stdout shows no colours. */
const char *paint(enum tone tone);

#endif
