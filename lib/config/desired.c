/* config/desired.c - processes.json (config/desired.h). */
#include "config/desired.h"
#include "json/document.h"
#include "json/tree.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/io_replace.h"
#include "base/moment.h"

#define EXACT_MAX 9e15 /* about 2^53: up to here a double holds every integer */

/* 0 for what is not a number, or does not fit: converting it would be undefined. */
static double number_of(const cJSON *o, const char *key, double max)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, key);

	return cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble <= max
		? item->valuedouble
		: 0;
}

/* Is this member of "processes" one that tend wrote? */
static bool is_ours(const cJSON *item)
{
	const cJSON *want = cJSON_GetObjectItemCaseSensitive(item, "desired");

	return cJSON_IsObject(item) && cJSON_IsString(want) && name_check(item->string, NULL) == 0;
}

static void read_entry(const cJSON *item, struct desired_entry *e)
{
	const cJSON *type = cJSON_GetObjectItemCaseSensitive(item, "service_type");
	const cJSON *state = cJSON_GetObjectItemCaseSensitive(item, "state");

	memset(e, 0, sizeof(*e));
	str_copy(e->name, sizeof(e->name), item->string);
	e->up = strcmp(cJSON_GetObjectItemCaseSensitive(item, "desired")->valuestring, "up") == 0;
	e->order = (uint32_t)number_of(item, "order", UINT32_MAX);
	e->pid = (pid_t)number_of(item, "pid", INT32_MAX);
	e->start_ticks = (uint64_t)number_of(item, "start_ticks", EXACT_MAX);
	if (cJSON_IsString(state) &&
		state->valuestring[strspn(state->valuestring, "abcdefghijklmnopqrstuvwxyz")] == 0)
		str_copy(e->state, sizeof(e->state), state->valuestring);
	e->service = cJSON_IsString(type) && strcmp(type->valuestring, "agent") == 0 ? 0 : 1;
}

/* Append "key":value to a growing text of members. */
static int keep_member(char **text, const cJSON *item)
{
	struct json_out o = { .one_line = true, .as_is = true };

	if (*text) {
		json_raw(&o, NULL, *text, strlen(*text));
		json_raw(&o, NULL, ",", 1);
	}
	json_tree(&o, item->string, item);
	if (json_end(&o) < 0) {
		json_free(&o);
		return -ENOMEM;
	}
	free(*text);
	*text = json_take(&o);
	return 0;
}

static int read_processes(const cJSON *list, struct desired *d)
{
	const cJSON *item;
	int r = 0;

	if (cJSON_GetArraySize(list) == 0)
		return 0;
	d->entry = calloc((size_t)cJSON_GetArraySize(list), sizeof(*d->entry));
	if (!d->entry)
		return -ENOMEM;
	cJSON_ArrayForEach(item, list)
	{
		if (is_ours(item))
			read_entry(item, &d->entry[d->n++]);
		else if ((r = keep_member(&d->foreign_entries, item)) < 0)
			break;
	}
	return r;
}

static int read_doc(const cJSON *doc, struct desired *d)
{
	const cJSON *item;
	int r = 0;

	cJSON_ArrayForEach(item, doc)
	{
		if (strcmp(item->string, "processes") == 0 && cJSON_IsObject(item))
			r = read_processes(item, d);
		else if (strcmp(item->string, "boot_id") == 0 && cJSON_IsString(item))
			str_copy(d->boot_id, sizeof(d->boot_id), item->valuestring);
		else if (strcmp(item->string, "last_updated") == 0 && cJSON_IsString(item))
			(void)moment_rfc3339(item->valuestring, &d->as_of_real_ns);
		else if (strcmp(item->string, "last_updated") != 0 &&
			strcmp(item->string, "version") != 0)
			r = keep_member(&d->foreign_keys, item);
		if (r < 0)
			return r;
	}
	return 0;
}

int desired_load(int home_fd, struct desired *ret, struct fault *f)
{
	struct desired d = { 0 };
	const char *end = NULL;
	char *text = NULL;
	size_t len = 0;
	cJSON *doc;
	int r = io_read_file(home_fd, DESIRED_FILE, DESIRED_BYTES_MAX, &text, &len);

	if (r == -ENOENT) {
		*ret = d;
		return 0;
	}
	if (r < 0)
		return fault_errno(f, r, "cannot read %s", DESIRED_FILE);
	r = document_parse(text, len, &end, &doc);
	if (r != -ENOMEM && !cJSON_IsObject(doc))
		r = fault_set(f, -EINVAL, "%s: no JSON object, see byte %td", DESIRED_FILE,
			end ? end - text : 0);
	else if (r == -ENOMEM || (r = read_doc(doc, &d)) < 0)
		fault_errno(f, r, "cannot read %s", DESIRED_FILE);
	cJSON_Delete(doc);
	free(text);
	if (r < 0)
		desired_done(&d);
	else
		*ret = d;
	return r;
}

void desired_done(struct desired *d)
{
	free(d->entry);
	free(d->foreign_entries);
	free(d->foreign_keys);
	memset(d, 0, sizeof(*d));
}

/* Names are checked and states are small letters, so nothing here needs escaping. */
static void print_entry(FILE *out, const struct desired_entry *e)
{
	static const char *const types[] = { "agent", "service", "registry" };
	char when[CLOCK_TEXT_MAX];

	fprintf(out,
		"\"%s\": {\"name\": \"%s\", \"desired\": \"%s\", \"service_type\": \"%s\", \"order\": %u",
		e->name, e->name, e->up ? "up" : "down", types[e->service % 3], e->order);
	if (e->state[0])
		fprintf(out, ", \"state\": \"%s\"", e->state);
	if (e->pid)
		fprintf(out, ", \"pid\": %d, \"start_ticks\": %llu, \"started_at\": \"%s\"",
			(int)e->pid, (unsigned long long)e->start_ticks,
			clock_rfc3339(e->started_real_ns, when));
	fputc('}', out);
}

int desired_keep(char **foreign_entries, const struct desired_entry *e)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return -errno;
	if (*foreign_entries)
		fprintf(out, "%s,", *foreign_entries);
	print_entry(out, e);
	if (io_text_done(out, &text) < 0) {
		free(text);
		return -ENOMEM;
	}
	free(*foreign_entries);
	*foreign_entries = text;
	return 0;
}

static bool has_entry(const struct desired *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->entry[i].name, name) == 0)
			return true;
	return false;
}

/* The entries that are not tend's, but for names that tend has now, or that were kept twice: a key
 * that is there twice means something else to each reader. Malloc'ed; NULL: none, or no memory,
 * which *ret tells. */
static char *other_entries(const struct desired *d, int *ret)
{
	cJSON *doc = NULL, *item;
	char *text = NULL, *kept = NULL;

	*ret = 0;
	if (!d->foreign_entries)
		return NULL;
	if (asprintf(&text, "{%s}", d->foreign_entries) < 0 || !(doc = cJSON_Parse(text)))
		*ret = -ENOMEM;
	free(text);
	cJSON_ArrayForEach(item, doc) if (*ret == 0 && !has_entry(d, item->string) &&
		cJSON_GetObjectItemCaseSensitive(doc, item->string) ==
			item) *ret = keep_member(&kept, item);
	cJSON_Delete(doc);
	return kept;
}

int desired_save(int home_fd, const struct desired *d, enum io_sync sync)
{
	char when[CLOCK_TEXT_MAX];
	const char *separator = "";
	char *text = NULL, *others;
	size_t len = 0;
	FILE *out;
	int r;

	others = other_entries(d, &r);
	out = r < 0 ? NULL : open_memstream(&text, &len);
	if (!out) {
		free(others);
		return r < 0 ? r : -errno;
	}
	fprintf(out,
		"{\n  \"version\": 1,\n  \"boot_id\": \"%s\",\n  \"last_updated\": \"%s\",\n  \"processes\": {",
		d->boot_id,
		clock_rfc3339(d->as_of_real_ns ? d->as_of_real_ns : clock_real_ns(), when));
	for (size_t i = 0; i < d->n; i++) {
		fprintf(out, "%s\n    ", separator);
		print_entry(out, &d->entry[i]);
		separator = ",";
	}
	if (others)
		fprintf(out, "%s\n    %s", separator, others);
	free(others);
	fputs("\n  }", out);
	if (d->foreign_keys)
		fprintf(out, ",\n  %s", d->foreign_keys);
	fputs("\n}\n", out);
	r = io_text_done(out, &text);
	if (r == 0)
		r = io_replace(home_fd, DESIRED_FILE, text, len, sync);
	free(text);
	return r;
}
