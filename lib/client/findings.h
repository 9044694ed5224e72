/*
 * client/findings.h - what was found when an instance was looked over, for whoever shows it.
 */
#ifndef CLIENT_FINDINGS_H
#define CLIENT_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

enum finding_level {
	FINDING_FINE,	 /* as it should be */
	FINDING_NOTE,	 /* good to know */
	FINDING_PROBLEM, /* to be mended */
	FINDING_LEVELS
};

struct finding {
	enum finding_level level;
	char *text; /* one line: what it is about, then a colon */
};

/* Zeroed: none yet. */
struct findings {
	struct finding *list; /* in the order in which they were found */
	size_t n, problems;
	bool lost; /* there was no memory for one of them */
};

/* Each copies its text. */
void finding_fine(struct findings *found, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void finding_note(struct findings *found, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void finding_problem(struct findings *found, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The schema's word of a level: "ok", "note", "problem". */
const char *finding_word(enum finding_level level);

void findings_done(struct findings *found);

#endif
