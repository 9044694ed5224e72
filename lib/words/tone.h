/*
 * words/tone.h - how something is meant: the face that shows it knows colours for that, or none.
 */
#ifndef WORDS_TONE_H
#define WORDS_TONE_H

enum tone {
	TONE_PLAIN,
	TONE_GOOD,
	TONE_WARNING,
	TONE_BAD,
	TONE_DIM, /* less important than the rest */
	TONE_TITLE,
	TONE_NAMES, /* names that stand side by side, and this many in turn: */
	TONE_LAST = TONE_NAMES + 4
};

/* What turns a tone on, put in front of a text; of TONE_PLAIN: what turns it off. "" = nothing. */
typedef const char *tone_painter(enum tone tone);

#endif
