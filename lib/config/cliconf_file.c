/* config/cliconf_file.c - the text of cli_config.json, read and written with cJSON
 * (config/cliconf.h). */
#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/io_replace.h"
#include "base/str.h"
#include "config/cliconf_parts.h"
#include "json/document.h"
#include "json/tree.h"

/* ---- reading */

static const char *type_text(enum conf_type t)
{
	return t == CONF_BOOL ? "true or false" : t == CONF_INT ? "a whole number" : "a string";
}

/* 8080.0 is the whole number 8080; a float with a fraction is none. */
static bool take_item(enum conf_key key, const cJSON *item, struct conf_value *ret, struct fault *f)
{
	enum conf_type type = conf_rules[key].type;
	struct conf_value v = { 0 };

	if (type == CONF_BOOL && cJSON_IsBool(item))
		v.number = cJSON_IsTrue(item);
	else if (type == CONF_INT && cJSON_IsNumber(item) && fabs(item->valuedouble) < 1e15 &&
		item->valuedouble == (double)(int64_t)item->valuedouble)
		v.number = (int64_t)item->valuedouble;
	else if (type == CONF_TEXT && cJSON_IsString(item))
		v.text = item->valuestring;
	else {
		fault_set(f, -EINVAL, "%s must be %s", conf_rules[key].name, type_text(type));
		return false;
	}
	if (conf_check(key, &v, f) < 0)
		return false;
	if (v.text && !(v.text = strdup(v.text))) {
		fault_errno(f, -ENOMEM, "%s", conf_rules[key].name);
		return false;
	}
	*ret = v;
	return true;
}

/* The last of several equal keys counts, as in Python. */
static void take_object(
	const cJSON *doc, const char *path, struct cliconf *c, struct conf_errors *e)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, doc)
	{
		enum conf_key key;
		struct conf_value v = { .text = NULL };
		struct fault f;

		if (cliconf_find(item->string, &key) < 0)
			continue;
		if (!take_item(key, item, &v, &f))
			conf_complain(e, e->n ? NULL : path, f.text);
		else if (conf_is_default(key, &v))
			free(v.text);
		else
			conf_put(c, key, v, CONF_FROM_FILE);
	}
}

static void complain_syntax(
	const char *text, const char *at, const char *path, struct conf_errors *e)
{
	unsigned line = 1, column = 1;
	char where[64];

	for (const char *p = text; at && p < at; p++) {
		line += *p == '\n';
		column = *p == '\n' ? 1 : column + 1;
	}
	snprintf(where, sizeof(where), "no JSON at line %u, column %u", line, column);
	conf_complain(e, path, where);
}

static int parse(const char *text, size_t len, const char **ret_at, cJSON **ret)
{
	/* with the NUL behind it, at which a text that is cut short ends */
	int r = document_parse(text, len + 1, ret_at, ret);

	if (r < 0)
		return r;
	*ret_at += strspn(*ret_at, " \t\r\n");
	/* nothing follows, and no NUL is in it, which JSON does not hold */
	if (*ret_at == text + len)
		return 0;
	cJSON_Delete(*ret);
	*ret = NULL;
	return -EINVAL;
}

void conf_read_file(int home_fd, const char *path, struct cliconf *c, struct conf_errors *e)
{
	char *text = NULL;
	const char *at = NULL;
	size_t len = 0;
	struct fault f;
	cJSON *doc = NULL;
	int r = home_fd < 0 ? -ENOENT
			    : io_read_file(home_fd, CLICONF_FILE, CLICONF_BYTES_MAX, &text, &len);

	if (r == -ENOENT) {
		doc = cJSON_CreateObject();
	} else if (r < 0) {
		fault_errno(&f, r, "cannot read it");
		conf_complain(e, path, f.text);
		return;
	} else if ((r = parse(text, len, &at, &doc)) == -ENOMEM) {
		fault_errno(&f, r, "cannot read it");
		conf_complain(e, path, f.text);
	} else if (r < 0) {
		complain_syntax(text, at, path, e);
	} else if (!cJSON_IsObject(doc)) {
		conf_complain(e, path, "expected an object at line 1, column 1");
	} else {
		take_object(doc, path, c, e);
	}
	free(text);
	c->doc = doc;
}

void cliconf_done(struct cliconf *c)
{
	for (unsigned k = 0; k < CONF_KEYS; k++)
		free(c->value[k].text);
	cJSON_Delete(c->doc);
	memset(c, 0, sizeof(*c));
}

/* ---- writing */

int conf_write_key(struct cliconf *c, enum conf_key key, const struct conf_value *v)
{
	const struct conf_rule *r = &conf_rules[key];
	cJSON *item = r->type == CONF_BOOL ? cJSON_CreateBool(v->number != 0)
		: r->type == CONF_INT	   ? cJSON_CreateNumber((double)v->number)
					   : cJSON_CreateString(v->text);

	if (!item)
		return -ENOMEM;
	while (cJSON_GetObjectItemCaseSensitive(c->doc, r->name))
		cJSON_DeleteItemFromObjectCaseSensitive(c->doc, r->name);
	if (cJSON_AddItemToObject(c->doc, r->name, item))
		return 0;
	cJSON_Delete(item);
	return -ENOMEM;
}

static int by_key(const void *a, const void *b)
{
	return strcmp((*(cJSON *const *)a)->string, (*(cJSON *const *)b)->string);
}

/* As the reference writes it: sorted keys, two blanks. */
static void write_object(struct json_out *o, const cJSON *doc)
{
	size_t n = (size_t)cJSON_GetArraySize(doc), i = 0;
	const cJSON **list = calloc(n + 1, sizeof(*list)), *item;

	if (!list) {
		json_fail(o, -ENOMEM);
		return;
	}
	cJSON_ArrayForEach(item, doc) list[i++] = item;
	qsort(list, n, sizeof(*list), by_key);
	json_raw(o, NULL, "{\n", n ? 2 : 1);
	for (i = 0; i < n; i++) {
		json_raw(o, NULL, "  ", 2);
		json_text(o, NULL, list[i]->string);
		json_raw(o, NULL, ": ", 2);
		json_tree(o, NULL, list[i]);
		json_raw(o, NULL, ",\n" + (i + 1 == n), 1 + (i + 1 < n));
	}
	json_raw(o, NULL, "}\n", 2);
	free(list);
}

static int save_object(int home_fd, const cJSON *doc, struct fault *f)
{
	struct json_out o = { .one_line = true, .as_is = true };
	int r;

	write_object(&o, doc);
	r = json_end(&o);
	if (r == 0)
		r = io_replace(home_fd, CLICONF_FILE, o.text, o.len, IO_SYNC);
	json_free(&o);
	/* an earlier writer may have been killed, and there need not be a spawner that cleans up */
	(void)io_sweep(home_fd, NULL, NULL);
	return r < 0 ? fault_errno(f, r, "cannot write %s", CLICONF_FILE) : 0;
}

int cliconf_save(int home_fd, const struct cliconf *c, struct fault *f)
{
	return save_object(home_fd, c->doc, f);
}

int cliconf_reset(int home_fd, struct fault *f)
{
	char *text = NULL;
	const char *at = NULL;
	size_t len = 0;
	cJSON *doc = NULL;
	int r = io_read_file(home_fd, CLICONF_FILE, CLICONF_BYTES_MAX, &text, &len);

	if (r < 0 && r != -ENOENT)
		return fault_errno(f, r, "cannot read %s", CLICONF_FILE);
	if (r == 0)
		r = parse(text, len, &at, &doc);
	free(text);
	if (r == -ENOMEM)
		return fault_errno(f, r, "cannot read %s", CLICONF_FILE);
	if (!cJSON_IsObject(doc)) {
		cJSON_Delete(doc);
		doc = cJSON_CreateObject();
	}
	if (!doc)
		return fault_errno(f, -ENOMEM, "cannot write %s", CLICONF_FILE);
	for (unsigned k = 0; k < CONF_KEYS; k++)
		while (cJSON_GetObjectItemCaseSensitive(doc, conf_rules[k].name))
			cJSON_DeleteItemFromObjectCaseSensitive(doc, conf_rules[k].name);
	r = save_object(home_fd, doc, f);
	cJSON_Delete(doc);
	return r;
}
