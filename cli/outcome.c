/* cli/outcome.c - what became of each (cli/outcome.h). */
#include "cli/outcome.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define TEXT_MAX 4096u

const char *outcome_word(enum outcome_kind kind)
{
	static const char *const word[] = {
#define OUTCOME(kind, word) word,
#include "cli/outcomes.def"
#undef OUTCOME
	};

	return kind < OUTCOME_MAX ? word[kind] : "unknown";
}

void outcome_add(
	struct outcomes *oc, const char *name, enum outcome_kind kind, int32_t pid, const char *why)
{
	struct outcome *more = reallocarray(oc->list, oc->n + 1, sizeof(*more)),
		       new = { .kind = kind, .pid = pid };

	if (more)
		oc->list = more;
	new.name = strdup(name);
	new.why = why ? strdup(why) : NULL;
	if (more && new.name && (!why || new.why)) {
		oc->list[oc->n++] = new;
		return;
	}
	oc->lost = true;
	free(new.name);
	free(new.why);
}

void outcome_registered(struct outcomes *oc, const char *name, bool registered)
{
	for (size_t i = 0; i < oc->n; i++)
		if (strcmp(oc->list[i].name, name) == 0) {
			oc->list[i].asked_registry = true;
			oc->list[i].registered = registered;
		}
}

void outcome_say(struct outcomes *oc, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list args;

	if (!oc->hear)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	oc->hear(oc, false, text);
}

static void keep_error(struct outcomes *oc, const char *text)
{
	char **more = reallocarray(oc->error, oc->n_errors + 1, sizeof(*more));

	if (more)
		oc->error = more;
	if (more && (more[oc->n_errors] = strdup(text)))
		oc->n_errors++;
	else
		oc->lost = true;
}

int outcome_complain(struct outcomes *oc, const char *fmt, ...)
{
	char text[TEXT_MAX], shown[TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	(void)str_visible(shown, sizeof(shown), text);
	keep_error(oc, shown);
	if (oc->hear)
		oc->hear(oc, true, shown);
	return -1;
}

void outcomes_done(struct outcomes *oc)
{
	for (size_t i = 0; i < oc->n; i++) {
		free(oc->list[i].name);
		free(oc->list[i].why);
	}
	for (size_t i = 0; i < oc->n_errors; i++)
		free(oc->error[i]);
	free(oc->list);
	free(oc->error);
	*oc = (struct outcomes){ .hear = oc->hear };
}
