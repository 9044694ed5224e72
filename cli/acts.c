/* cli/acts.c - what was done, as JSON (cli/acts.h). */
#include "cli/acts.h"

#include <string.h>

#include "cli/json.h"
#include "cli/out.h"

static bool wanted, failed; /* failed: no memory for all of it */
static cJSON *processes, *errors;
static const char *daemons;

static void add_complaint(const char *text)
{
	cJSON *item = json_text(text);

	if (!item || !cJSON_AddItemToArray(errors, item)) {
		cJSON_Delete(item);
		failed = true;
	}
}

void acts_begin(void)
{
	if (wanted)
		return;
	wanted = true;
	processes = cJSON_CreateArray();
	errors = cJSON_CreateArray();
	failed = !processes || !errors;
	out_divert(add_complaint);
}

void acts_note(const char *name, const char *result, int32_t pid, const char *error)
{
	cJSON *o;

	if (!wanted)
		return;
	o = cJSON_CreateObject();
	if (!o || !cJSON_AddItemToArray(processes, o)) {
		cJSON_Delete(o);
		failed = true;
		return;
	}
	failed = failed || !json_add(o, "name", json_text(name)) || !json_add(o, "result", json_text(result)) ||
		 !json_add(o, "pid", pid > 0 ? cJSON_CreateNumber(pid) : cJSON_CreateNull()) || !json_add(o, "error", json_text(error));
}

void acts_registered(const char *name, bool registered)
{
	cJSON *o;

	cJSON_ArrayForEach(o, processes)
		if (strcmp(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "name")), name) == 0 &&
			!json_add(o, "registered", cJSON_CreateBool(registered)))
			failed = true;
}

void acts_daemons(const char *what)
{
	daemons = what;
}

static cJSON *document(const char *command, int status)
{
	cJSON *doc = cJSON_CreateObject();
	bool ok = json_add(doc, "command", json_text(command)) && json_add(doc, "ok", cJSON_CreateBool(status == EXIT_OK)) &&
		json_add(doc, "daemons", json_text(daemons));

	ok = json_add(doc, "processes", processes) && ok; /* freed either way */
	ok = json_add(doc, "errors", errors) && ok;
	if (ok && !failed)
		return doc;
	cJSON_Delete(doc);
	return NULL;
}

int acts_finish(const char *command, int status)
{
	int printed = status;

	if (!wanted)
		return status;
	out_divert_end();
	if (status != EXIT_MISUSE) {
		printed = json_print(document(command, status));
	} else {
		cJSON_Delete(processes);
		cJSON_Delete(errors);
	}
	wanted = failed = false;
	processes = errors = NULL;
	daemons = NULL;
	return status == EXIT_OK ? printed : status;
}
