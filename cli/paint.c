/* cli/paint.c - the colours of tones on a terminal (cli/paint.h). */
#include "cli/paint.h"

enum term_colour paint_colour(enum tone tone)
{
	static const enum term_colour colours[] = {
		[TONE_PLAIN] = TERM_PLAIN,
		[TONE_GOOD] = TERM_GREEN,
		[TONE_WARNING] = TERM_YELLOW,
		[TONE_BAD] = TERM_RED,
		[TONE_DIM] = TERM_DIM,
		[TONE_TITLE] = TERM_BOLD,
		/* not red: that is for errors */
		[TONE_NAMES] = TERM_CYAN,
		TERM_YELLOW,
		TERM_GREEN,
		TERM_MAGENTA,
		[TONE_LAST] = TERM_BLUE,
	};

	return colours[tone];
}

const char *paint(enum tone tone)
{
	return term_colour(paint_colour(tone));
}
