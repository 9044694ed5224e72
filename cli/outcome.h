/*
 * cli/outcome.h - what became of each process that a command acted upon, and what went wrong: from
 * it both the sentences and the document of --json are made.
 *
 * Who acts adds to it and says nothing; who gave it may hear of each thing as it comes, for a
 * person who waits.
 */
#ifndef CLI_OUTCOME_H
#define CLI_OUTCOME_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum outcome_kind {
#define OUTCOME(kind, word) OUTCOME_##kind,
#include "cli/outcomes.def"
#undef OUTCOME
	OUTCOME_MAX
};

struct outcome {
	char *name; /* or what was given in its place, where that is no process */
	enum outcome_kind kind;
	int32_t pid; /* 0 = none */
	char *why;   /* of failed and unknown; else NULL */
	/* of an agent that was started: did the registry list it in time? */
	bool asked_registry, registered;
};

struct outcomes {
	/* what became of them: "started", "running", "ended", "current", "outdated", "upgraded";
	 * NULL = nothing */
	const char *daemons;
	struct outcome *list;
	size_t n;
	char **error; /* complaints, as they came */
	size_t n_errors;
	bool lost; /* there was no memory for one of them */
	/* Called with each sentence for people; complaint: it is also in error. NULL: nobody
	 * listens. */
	void (*hear)(const struct outcomes *oc, bool complaint, const char *text);
};

const char *outcome_word(enum outcome_kind kind);

/* Each process once. The texts are copied. */
void outcome_add(struct outcomes *oc, const char *name, enum outcome_kind kind, int32_t pid,
	const char *why);
/* Did the registry list it in time? For a process that was added before. */
void outcome_registered(struct outcomes *oc, const char *name, bool registered);

/* A sentence about what was done. */
void outcome_say(struct outcomes *oc, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What went wrong, with its control characters made visible. Returns -1, for who goes home with
 * it. */
int outcome_complain(struct outcomes *oc, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

void outcomes_done(struct outcomes *oc);

#endif
