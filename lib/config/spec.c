/* config/spec.c - specs/NAME.json, read and written with cJSON (config/spec.h). */
#include "config/spec.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/io.h"
#include "config/redact.h"
#include "json/document.h"
#include "json/tree.h"

static const char *const policy_words[] = { "no", "on-failure", "always" };
static const char *const service_words[] = { "agent", "service", "registry" };

#define SPEC_BYTES_LIMIT 1e15 /* 15 digits: a JSON number is printed exactly */

/* The numbers of a spec: key, where, default, range. One list serves defaults, parser and
 * printer. */
static const struct number {
	const char *key;
	bool log; /* in the object "log" */
	size_t offset, size;
	double init, min, max;
} numbers[] = {
#define NUMBER(key, field, init, min, max) \
	{ \
		key, false, offsetof(struct spec, field), sizeof(((struct spec *)0)->field), init, \
			min, max \
	}
	NUMBER("umask", umask, 022, 0, 0777),
	NUMBER("open_files", nofile, 0, 0, 1e9),
	NUMBER("stop_timeout_ms", stop_timeout_ms, SPEC_STOP_TIMEOUT_MS, 0, UINT32_MAX),
	NUMBER("restart_delay_ms", restart_delay_ms, SPEC_RESTART_DELAY_MS, 0, UINT32_MAX),
	NUMBER("restart_max_delay_ms", restart_max_delay_ms, SPEC_RESTART_MAX_DELAY_MS, 0,
		UINT32_MAX),
	NUMBER("restart_limit", restart_limit, SPEC_RESTART_LIMIT, 0, UINT16_MAX),
	NUMBER("restart_window_ms", restart_window_ms, SPEC_RESTART_WINDOW_MS, 1, UINT32_MAX),
	NUMBER("stable_ms", stable_ms, SPEC_STABLE_MS, 0, UINT32_MAX),
	NUMBER("health_check_interval_s", health_check_interval_s, 0, 0, UINT32_MAX),
	NUMBER("stop_signal", stop_signal, SIGTERM, 1, 64),
#undef NUMBER
#define NUMBER(key, field, init, max) \
	{ \
		key, true, offsetof(struct spec, field), sizeof(((struct spec *)0)->field), init, \
			0, max \
	}
	NUMBER("rotate_bytes", log_rotate_bytes, SPEC_LOG_ROTATE_BYTES, SPEC_BYTES_LIMIT),
	NUMBER("rotate_age_s", log_rotate_age_s, 0, UINT32_MAX),
	NUMBER("keep_files", log_keep_files, SPEC_LOG_KEEP_FILES, UINT32_MAX),
	NUMBER("keep_age_s", log_keep_age_s, 0, UINT32_MAX),
	NUMBER("keep_bytes", log_keep_bytes, 0, SPEC_BYTES_LIMIT),
#undef NUMBER
};
#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

static void set_number(struct spec *s, const struct number *n, double value)
{
	char *at = (char *)s + n->offset;

	switch (n->size) {
	case 1:
		*(uint8_t *)at = (uint8_t)value;
		break;
	case 2:
		*(uint16_t *)(void *)at = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)(void *)at = (uint32_t)value;
		break;
	default:
		*(uint64_t *)(void *)at = (uint64_t)value;
		break;
	}
}

static double get_number(const struct spec *s, const struct number *n)
{
	const char *at = (const char *)s + n->offset;

	switch (n->size) {
	case 1:
		return *(const uint8_t *)at;
	case 2:
		return *(const uint16_t *)(const void *)at;
	case 4:
		return *(const uint32_t *)(const void *)at;
	default:
		return (double)*(const uint64_t *)(const void *)at;
	}
}

static int word_index(const char *const words[], size_t n, const char *word, uint8_t *ret)
{
	for (size_t i = 0; word && i < n; i++)
		if (strcmp(words[i], word) == 0) {
			*ret = (uint8_t)i;
			return 0;
		}
	return -EINVAL;
}

int spec_policy(const char *word, uint8_t *ret)
{
	return word_index(policy_words, sizeof(policy_words) / sizeof(policy_words[0]), word, ret);
}

void spec_init(struct spec *s)
{
	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i < NUMBERS; i++)
		set_number(s, &numbers[i], numbers[i].init);
	s->policy = 1;
	s->service = 1;
}

void spec_done(struct spec *s)
{
	if (!s->doc)
		return;
	free(s->argv);
	free(s->env);
	cJSON_free(s->health);
	cJSON_Delete(s->doc);
	memset(s, 0, sizeof(*s));
}

static int get_text(const cJSON *doc, const char *key, int required, char **ret, struct fault *f)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(doc, key);

	if (!item && !required)
		return 0;
	if (!item)
		return fault_set(f, -EINVAL, "key \"%s\" is missing", key);
	if (!cJSON_IsString(item) || !item->valuestring[0])
		return fault_set(f, -EINVAL, "key \"%s\": expected a string", key);
	*ret = item->valuestring;
	return 0;
}

/* A JSON array of strings as a NULL-terminated vector that points into the document. */
static int get_vector(const cJSON *doc, const char *key, char ***ret, struct fault *f)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(doc, key);
	const cJSON *item;
	size_t n = 0;
	char **v;

	if (!cJSON_IsArray(list))
		return fault_set(f, -EINVAL, "key \"%s\": expected a list of strings", key);
	v = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*v));
	if (!v)
		return fault_errno(f, -ENOMEM, "key \"%s\"", key);
	cJSON_ArrayForEach(item, list)
	{
		if (!cJSON_IsString(item)) {
			free(v);
			return fault_set(
				f, -EINVAL, "key \"%s\", element %zu: expected a string", key, n);
		}
		v[n++] = item->valuestring;
	}
	*ret = v;
	return 0;
}

static int get_word(const cJSON *doc, const char *key, const char *const words[], size_t n,
	uint8_t *ret, struct fault *f)
{
	char *word = NULL;
	int r = get_text(doc, key, 0, &word, f);

	if (r < 0 || !word)
		return r;
	if (word_index(words, n, word, ret) < 0)
		return fault_set(
			f, -EINVAL, "key \"%s\": \"%s\" is not one of its words", key, word);
	return 0;
}

static int get_numbers(const cJSON *doc, struct spec *s, struct fault *f)
{
	const cJSON *log = cJSON_GetObjectItemCaseSensitive(doc, "log");
	const cJSON *apart = cJSON_GetObjectItemCaseSensitive(log, "separate_stderr");

	if (log && !cJSON_IsObject(log))
		return fault_set(f, -EINVAL, "key \"log\": expected an object");
	if (apart && !cJSON_IsBool(apart))
		return fault_set(f, -EINVAL, "key \"log.separate_stderr\": expected true or false");
	s->separate_stderr = cJSON_IsTrue(apart) ? 1 : 0;
	for (size_t i = 0; i < NUMBERS; i++) {
		const struct number *n = &numbers[i];
		const cJSON *item = cJSON_GetObjectItemCaseSensitive(n->log ? log : doc, n->key);

		if (!item)
			continue;
		if (!cJSON_IsNumber(item) ||
			!(item->valuedouble >= n->min && item->valuedouble <= n->max))
			return fault_set(f, -EINVAL,
				"key \"%s%s\": expected a number from %.0f to %.0f",
				n->log ? "log." : "", n->key, n->min, n->max);
		set_number(s, n, item->valuedouble);
	}
	return 0;
}

/* Kept as text: whoever acts on it parses it (config/health.h). */
static int get_health(const cJSON *doc, struct spec *s, struct fault *f)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(doc, "health");
	struct json_out o = { .one_line = true, .as_is = true };

	if (!item)
		return 0;
	if (!cJSON_IsObject(item))
		return fault_set(f, -EINVAL, "key \"health\": expected an object");
	json_tree(&o, NULL, item);
	s->health = json_take(&o);
	return s->health ? 0 : fault_errno(f, -ENOMEM, "key \"health\"");
}

static int get_registry(const cJSON *doc, struct spec *s, struct fault *f)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(doc, "registry");

	if (item && !cJSON_IsBool(item))
		return fault_set(f, -EINVAL, "key \"registry\": expected true or false");
	s->no_registry = item && !cJSON_IsTrue(item);
	return 0;
}

/* Asked for before any other key: what a later build means by one may be something else, and to run
 * a process otherwise than it was started is worse than not to run it. */
static int check_version(const cJSON *doc, struct fault *f)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(doc, "spec_version");

	if (!item)
		return 0;
	if (!cJSON_IsNumber(item) || !(item->valuedouble >= 1 && item->valuedouble <= 1e9))
		return fault_set(f, -EINVAL, "key \"spec_version\": expected a number from 1");
	if (item->valuedouble > SPEC_VERSION)
		return fault_set(f, -EPROTONOSUPPORT,
			"a later version of tend wrote it (spec_version %.15g, this one reads up to %d); use that version, or start the process anew with this one",
			item->valuedouble, SPEC_VERSION);
	return 0;
}

static int read_doc(const cJSON *doc, struct spec *s, struct fault *f)
{
	char *name = NULL, *group = NULL;
	int r = check_version(doc, f);

	if (r == 0)
		r = get_text(doc, "name", 1, &name, f);
	if (r == 0)
		r = name_check(name, f);
	if (r < 0)
		return r;
	str_copy(s->name, sizeof(s->name), name);
	if ((r = get_text(doc, "group", 0, &group, f)) < 0 ||
		(group && (r = name_check(group, f)) < 0))
		return r;
	str_copy(s->group, sizeof(s->group), group ? group : "");
	if ((r = get_text(doc, "exe", 1, &s->exe, f)) < 0 ||
		(r = get_text(doc, "cwd", 1, &s->cwd, f)) < 0 ||
		(r = get_text(doc, "file", 0, &s->file, f)) < 0 ||
		(r = get_vector(doc, "argv", &s->argv, f)) < 0 ||
		(r = get_vector(doc, "env", &s->env, f)) < 0)
		return r;
	if (!s->argv[0])
		return fault_set(f, -EINVAL, "key \"argv\" is empty");
	if (s->exe[0] != '/' || s->cwd[0] != '/')
		return fault_set(f, -EINVAL, "keys \"exe\" and \"cwd\": expected absolute paths");
	if ((r = get_word(doc, "restart", policy_words, 3, &s->policy, f)) < 0 ||
		(r = get_word(doc, "service_type", service_words, 3, &s->service, f)) < 0)
		return r;
	if ((r = surroundings_read(cJSON_GetObjectItemCaseSensitive(doc, "surroundings"),
		     &s->surroundings, f)) < 0)
		return r;
	if ((r = get_health(doc, s, f)) < 0 || (r = get_registry(doc, s, f)) < 0)
		return r;
	return get_numbers(doc, s, f);
}

/* NOLINTBEGIN(clang-analyzer-unix.Malloc): spec_done() frees what the analyzer misses, and on
 * success the caller owns it */
int spec_parse(const char *text, size_t len, struct spec *ret, struct fault *f)
{
	const char *end = NULL;
	cJSON *doc;
	struct spec s;
	int r = document_parse(text, len, &end, &doc);

	if (r == -ENOMEM)
		return fault_errno(f, r, "cannot parse it");
	if (r < 0)
		return fault_set(f, r, "no JSON at byte %td", end ? end - text : 0);
	spec_init(&s);
	s.doc = doc;
	r = cJSON_IsObject(doc) ? read_doc(doc, &s, f)
				: fault_set(f, -EINVAL, "expected an object");
	if (r < 0) {
		spec_done(&s);
		return r;
	}
	*ret = s;
	return 0;
}
/* NOLINTEND(clang-analyzer-unix.Malloc) */

int spec_load(int specs_fd, const char *file, struct spec *ret, struct fault *f)
{
	struct fault why = { "" };
	char *text = NULL;
	size_t len = 0;
	int r = io_read_file(specs_fd, file, SPEC_BYTES_MAX, &text, &len);

	if (r < 0)
		return fault_errno(f, r, "cannot read specs/%s", file);
	r = spec_parse(text, len, ret, &why);
	if (r < 0)
		fault_set(f, r, "specs/%s: %s", file, why.text);
	free(text);
	return r;
}

static void write_vector(struct json_out *o, const char *key, char *const *v)
{
	json_open(o, key, '[');
	for (; v && *v; v++)
		json_text(o, NULL, *v);
	json_close(o);
}

static void write_numbers(struct json_out *o, const struct spec *s, bool log)
{
	for (size_t i = 0; i < NUMBERS; i++)
		if (numbers[i].log == log)
			json_number(o, numbers[i].key, get_number(s, &numbers[i]));
}

char *spec_print(const struct spec *s)
{
	struct json_out o = { .one_line = true, .as_is = true };

	json_open(&o, NULL, '{');
	json_text(&o, "name", s->name);
	json_text(&o, "exe", s->exe);
	json_text(&o, "cwd", s->cwd);
	if (s->file)
		json_text(&o, "file", s->file);
	json_text(&o, "restart", policy_words[s->policy]);
	json_text(&o, "service_type", service_words[s->service]);
	json_open(&o, "log", '{');
	json_bool(&o, "separate_stderr", s->separate_stderr);
	write_numbers(&o, s, true);
	json_close(&o);
	if (s->group[0])
		json_text(&o, "group", s->group);
	if (s->health)
		json_raw(&o, "health", s->health, strlen(s->health));
	if (s->no_registry)
		json_bool(&o, "registry", false);
	if (s->surroundings.given)
		surroundings_write(&o, "surroundings", &s->surroundings);
	write_numbers(&o, s, false);
	write_vector(&o, "argv", s->argv);
	write_vector(&o, "env", s->env);
	json_close(&o);
	return json_take(&o);
}

uint64_t spec_hash(const struct spec *s)
{
	uint64_t h = str_hash(STR_HASH_SEED, s->cwd, strlen(s->cwd) + 1);

	h = str_hash(h, s->exe, strlen(s->exe) + 1);
	for (char **a = s->argv; *a; a++)
		h = str_hash(h, *a, strlen(*a) + 1);
	return h;
}

int spec_command_text(const struct spec *s, char *buf, size_t size)
{
	size_t total = 0;
	char *all = NULL;
	FILE *out = open_memstream(&all, &total);
	bool whole;

	if (!out)
		return !str_copy(buf, size, s->argv[0]);
	for (char **a = s->argv; *a; a++) {
		if (a != s->argv)
			fputc(' ', out);
		redact_argument(out, a == s->argv ? NULL : a[-1], *a);
	}
	if (io_text_done(out, &all) < 0) {
		free(all);
		return !str_copy(buf, size, s->argv[0]);
	}
	whole = str_copy(buf, size, all);
	free(all);
	return !whole;
}

const char *spec_variable(char *const *env, const char *name)
{
	const char *value = env_value(env, name);

	return value && *value ? value : NULL;
}

void spec_file_name(const char *name, char buf[static NAME_MAX_BYTES + 8])
{
	snprintf(buf, NAME_MAX_BYTES + 8, "%s.json", name);
}

bool spec_name_of(const char *file, char name[static NAME_MAX_BYTES])
{
	static const char suffix[] = ".json";
	size_t len = strlen(file);

	if (len < sizeof(suffix) || strcmp(file + len - (sizeof(suffix) - 1), suffix) != 0 ||
		len - (sizeof(suffix) - 1) >= NAME_MAX_BYTES)
		return false;
	memcpy(name, file, len - (sizeof(suffix) - 1));
	name[len - (sizeof(suffix) - 1)] = 0;
	return name_check(name, NULL) == 0;
}
