/* words/doc_instance.c - documents about an instance and what is around it (words/doc.h). */
#include <string.h>

#include "client/findings.h"
#include "client/strays.h"
#include "config/cliconf.h"
#include "words/doc.h"

void doc_doctor(struct json_out *o, const struct findings *found)
{
	json_open(o, NULL, '{');
	json_open(o, "findings", '[');
	for (size_t i = 0; i < found->n; i++) {
		json_open(o, NULL, '{');
		json_text(o, "level", finding_word(found->list[i].level));
		json_text(o, "text", found->list[i].text);
		json_close(o);
	}
	json_close(o);
	json_u64(o, "problems", found->problems);
	json_close(o);
}

void doc_version(struct json_out *o, const char *name, const char *version)
{
	json_open(o, NULL, '{');
	json_text(o, "name", name);
	json_text(o, "version", version);
	json_close(o);
}

static void write_setting(struct json_out *o, const struct cliconf *c, enum conf_key key)
{
	const char *name = cliconf_name(key);

	switch (cliconf_type(key)) {
	case CONF_BOOL:
		json_bool(o, name, cliconf_bool(c, key));
		break;
	case CONF_INT:
		json_int(o, name, cliconf_number(c, key));
		break;
	default:
		json_text(o, name, cliconf_text(c, key));
	}
}

void doc_config(struct json_out *o, const struct cliconf *c)
{
	json_open(o, NULL, '{');
	for (unsigned k = 0; k < CONF_KEYS; k++)
		if (cliconf_is_shown(c, (enum conf_key)k))
			write_setting(o, c, (enum conf_key)k);
	json_close(o);
}

void doc_orphans(struct json_out *o, const struct stray *list, size_t n)
{
	json_open(o, NULL, '[');
	for (size_t i = 0; i < n; i++) {
		json_open(o, NULL, '{');
		json_int(o, "pid", list[i].pid);
		json_text(o, "name", list[i].name);
		json_text(o, "home", list[i].home);
		json_seconds(o, "age", list[i].age_ns);
		json_u64(o, "memory_bytes", list[i].memory_bytes);
		json_text(o, "command", list[i].command);
		json_bool(o, "orphan", list[i].proved);
		json_text(o, "reason", list[i].why);
		json_close(o);
	}
	json_close(o);
}

void doc_groups(struct json_out *o, const struct doc_group *g, size_t n)
{
	json_open(o, NULL, '{');
	for (size_t i = 0; i < n; i++) {
		json_open(o, g[i].name, '[');
		for (size_t k = 0; k < g[i].n; k++)
			json_text(o, NULL, g[i].member[k]);
		json_close(o);
	}
	json_close(o);
}
