/*
 * client/outcome.h - what became of each process that a command acted upon, and what went wrong:
 * from it both the sentences and the document of --json are made.
 *
 * Who acts adds to it and says nothing; whoever gave it may hear of each thing as it comes, for a
 * person who waits.
 */
#ifndef CLIENT_OUTCOME_H
#define CLIENT_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/watcher.h"

enum outcome_kind {
#define OUTCOME(kind, word, words, shows_pid) OUTCOME_##kind,
#include "client/outcomes.def"
#undef OUTCOME
	OUTCOME_MAX
};

struct outcome {
	char *name; /* or what was given in its place, where that is not a process */
	enum outcome_kind kind;
	int32_t pid; /* 0 = none */
	/* of failed and unknown: why. Else what people are told in place of the kind's own words;
	 * NULL. "": nothing */
	char *text;
	/* of an agent that was started: did the registry list it in time? */
	bool asked_registry, registered;
};

struct outcomes {
	/* false: list and error stay empty, for callers to whom hearing them is enough */
	bool keep;
	/* what became of them: "started", "running", "ended", "current", "outdated", "upgraded";
	 * NULL = nothing */
	const char *daemons;
	struct outcome *list;
	size_t n;
	char **error; /* complaints, as they came */
	size_t n_errors;
	bool lost; /* there was no memory for one of them */
	/* hears at once each sentence for people, of an outcome or another; a complaint goes into
	 * error as well. NULL: nobody listens */
	const struct watcher *watcher;
};

const char *outcome_word(enum outcome_kind kind);

/* Each process once. text as above; both are copied. */
void outcome_add(struct outcomes *oc, const char *name, enum outcome_kind kind, int32_t pid,
	const char *text);
/* Did the registry list it in time? For a process that was added before. */
void outcome_registered(struct outcomes *oc, const char *name, bool registered);

/* A sentence about what was done. */
void outcome_say(struct outcomes *oc, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What went wrong; in the list its control characters are visible. */
void outcome_complain(struct outcomes *oc, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Complain, and false: for what returns whether it went well. */
#define OUTCOME_FAIL(oc, ...) (outcome_complain((oc), __VA_ARGS__), false)
/* The lines of a text, each as it is quoted beneath the complaint before it. */
void outcome_quote(struct outcomes *oc, const char *text);
/* What was heard so far should be seen now. */
void outcome_pause(const struct outcomes *oc);

void outcomes_done(struct outcomes *oc);

#endif
