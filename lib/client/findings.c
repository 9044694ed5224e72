/* client/findings.c - what was found (client/findings.h). */
#include "client/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 2048u

static void add(struct findings *found, enum finding_level level, const char *fmt, va_list args)
	__attribute__((format(printf, 3, 0)));
static void add(struct findings *found, enum finding_level level, const char *fmt, va_list args)
{
	struct finding *more = reallocarray(found->list, found->n + 1, sizeof(*more));
	char text[TEXT_MAX], *copy;

	vsnprintf(text, sizeof(text), fmt, args);
	copy = strdup(text);
	if (more)
		found->list = more;
	if (more && copy)
		more[found->n++] = (struct finding){ .level = level, .text = copy };
	else
		free(copy);
	found->lost = found->lost || !more || !copy;
	found->problems += level == FINDING_PROBLEM;
}

void finding_fine(struct findings *found, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(found, FINDING_FINE, fmt, args);
	va_end(args);
}

void finding_note(struct findings *found, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(found, FINDING_NOTE, fmt, args);
	va_end(args);
}

void finding_problem(struct findings *found, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(found, FINDING_PROBLEM, fmt, args);
	va_end(args);
}

const char *finding_word(enum finding_level level)
{
	static const char *const words[] = { "ok", "note", "problem" };

	return level < FINDING_LEVELS ? words[level] : "unknown";
}

void findings_done(struct findings *found)
{
	for (size_t i = 0; i < found->n; i++)
		free(found->list[i].text);
	free(found->list);
	*found = (struct findings){ 0 };
}
