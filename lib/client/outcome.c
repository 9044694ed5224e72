/* client/outcome.c - what became of each (client/outcome.h). */
#include "client/outcome.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define TEXT_MAX 4096u

static const struct {
	const char *word, *words;
	bool shows_pid;
} kinds[] = {
#define OUTCOME(kind, word, words, shows_pid) { word, words, shows_pid },
#include "client/outcomes.def"
#undef OUTCOME
};

const char *outcome_word(enum outcome_kind kind)
{
	return kind < OUTCOME_MAX ? kinds[kind].word : "unknown";
}

/* "web: started (pid 123)". */
static void tell(struct outcomes *oc, const struct outcome *c)
{
	const char *words = c->text ? c->text : kinds[c->kind].words;

	if (!kinds[c->kind].words || !words[0])
		return;
	if (kinds[c->kind].shows_pid && c->pid > 0)
		outcome_say(oc, "%s: %s (pid %d)", c->name, words, c->pid);
	else
		outcome_say(oc, "%s: %s", c->name, words);
}

static void keep_outcome(struct outcomes *oc, const struct outcome *c)
{
	struct outcome *more = reallocarray(oc->list, oc->n + 1, sizeof(*more)), copy = *c;

	if (more)
		oc->list = more;
	copy.name = strdup(c->name);
	copy.text = c->text ? strdup(c->text) : NULL;
	if (more && copy.name && (!c->text || copy.text)) {
		oc->list[oc->n++] = copy;
		return;
	}
	oc->lost = true;
	free(copy.name);
	free(copy.text);
}

void outcome_add(struct outcomes *oc, const char *name, enum outcome_kind kind, int32_t pid,
	const char *text)
{
	const struct outcome c = { .name = (char *)(uintptr_t)name,
		.kind = kind,
		.pid = pid,
		.text = (char *)(uintptr_t)text };

	if (oc->keep)
		keep_outcome(oc, &c);
	tell(oc, &c);
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

	if (!oc->watcher)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	watcher_hear(oc->watcher, HEARD_DONE, text);
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

void outcome_complain(struct outcomes *oc, const char *fmt, ...)
{
	char text[TEXT_MAX], shown[TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	(void)str_visible(shown, sizeof(shown), text);
	if (oc->keep)
		keep_error(oc, shown);
	watcher_hear(oc->watcher, HEARD_COMPLAINT, text);
}

void outcome_quote(struct outcomes *oc, const char *text)
{
	char line[TEXT_MAX];

	for (size_t len; *text; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)len, text);
		watcher_hear(oc->watcher, HEARD_QUOTE, line);
	}
}

void outcome_pause(const struct outcomes *oc)
{
	watcher_pause(oc->watcher);
}

void outcomes_done(struct outcomes *oc)
{
	for (size_t i = 0; i < oc->n; i++) {
		free(oc->list[i].name);
		free(oc->list[i].text);
	}
	for (size_t i = 0; i < oc->n_errors; i++)
		free(oc->error[i]);
	free(oc->list);
	free(oc->error);
	*oc = (struct outcomes){ .keep = oc->keep, .watcher = oc->watcher };
}
