/* words/doc_outcomes.c - what became of each (words/doc.h). */
#include "client/outcome.h"
#include "words/doc.h"
#include "words/doc_member.h"

static void write_outcome(struct json_out *o, const struct outcome *c)
{
	json_open(o, NULL, '{');
	json_text(o, "name", c->name);
	json_text(o, "result", outcome_word(c->kind));
	doc_int_or_null(o, "pid", c->pid, 1);
	json_text(o, "error",
		c->kind == OUTCOME_FAILED || c->kind == OUTCOME_UNKNOWN ? c->text : NULL);
	if (c->asked_registry)
		json_bool(o, "registered", c->registered);
	json_close(o);
}

void doc_acts(struct json_out *o, const char *command, bool ok, const struct outcomes *c)
{
	json_open(o, NULL, '{');
	json_text(o, "command", command);
	json_bool(o, "ok", ok);
	json_text(o, "daemons", c->daemons);
	json_open(o, "processes", '[');
	for (size_t i = 0; i < c->n; i++)
		write_outcome(o, &c->list[i]);
	json_close(o);
	json_open(o, "errors", '[');
	for (size_t i = 0; i < c->n_errors; i++)
		json_text(o, NULL, c->error[i]);
	json_close(o);
	json_close(o);
}
