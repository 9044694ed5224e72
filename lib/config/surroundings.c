/* config/surroundings.c - see config/surroundings.h. */
#define _GNU_SOURCE 1
#include "config/surroundings.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/write.h"

#define EXACT_MAX 1e15 /* 15 digits: a JSON number is printed exactly. Limits above it are none */
#define UNLIMITED "unlimited"

static const char *const labels[SURROUND_MAX] = {
	[RLIMIT_CPU] = "cpu_s",
	[RLIMIT_FSIZE] = "file_bytes",
	[RLIMIT_DATA] = "data_bytes",
	[RLIMIT_STACK] = "stack_bytes",
	[RLIMIT_CORE] = "core_bytes",
	[RLIMIT_RSS] = "resident_bytes",
	[RLIMIT_NPROC] = "processes",
	[RLIMIT_NOFILE] = "open_files",
	[RLIMIT_MEMLOCK] = "locked_bytes",
	[RLIMIT_AS] = "memory_bytes",
	[RLIMIT_LOCKS] = "locks",
	[RLIMIT_SIGPENDING] = "pending_signals",
	[RLIMIT_MSGQUEUE] = "message_bytes",
	[RLIMIT_NICE] = "nice_ceiling",
	[RLIMIT_RTPRIO] = "realtime_priority",
	[RLIMIT_RTTIME] = "realtime_us",
	[SURROUND_NICE] = "nice",
	[SURROUND_OOM] = "oom_score_adj",
	[SURROUND_SCHEDULER] = "scheduler",
	[SURROUND_IO] = "io_priority",
	[SURROUND_CPUS] = "cpus",
};

static const struct {
	const char *word;
	int policy;
} schedulers[] = { { "other", SCHED_OTHER }, { "fifo", SCHED_FIFO }, { "rr", SCHED_RR },
	{ "batch", SCHED_BATCH }, { "idle", SCHED_IDLE } };
#define SCHEDULERS (sizeof(schedulers) / sizeof(schedulers[0]))

/* The keys that are whole numbers. The priority is a part of the scheduler. */
static const struct {
	const char *key;
	unsigned which;
	size_t offset;
	double min, max;
} numbers[] = {
	{ "nice", SURROUND_NICE, offsetof(struct surroundings, nice), -20, 19 },
	{ "oom_score_adj", SURROUND_OOM, offsetof(struct surroundings, oom_score_adj), -1000,
		1000 },
	{ "priority", SURROUND_SCHEDULER, offsetof(struct surroundings, priority), 0, 99 },
	{ "io_priority", SURROUND_IO, offsetof(struct surroundings, io_priority), 0, 65535 },
};
#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

const char *surrounding_label(unsigned which)
{
	return which < SURROUND_MAX ? labels[which] : "?";
}

void surroundings_list(uint32_t set, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = 0;
	for (unsigned i = 0; i < SURROUND_MAX; i++) {
		if (!(set & 1u << i) || len + strlen(labels[i]) + sizeof(", ") > size)
			continue;
		len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? ", " : "", labels[i]);
	}
}

static bool is_whole(const cJSON *item, double min, double max)
{
	return cJSON_IsNumber(item) && item->valuedouble >= min && item->valuedouble <= max &&
		item->valuedouble == (double)(int64_t)item->valuedouble;
}

static int read_numbers(const cJSON *o, struct surroundings *s, struct fault *f)
{
	for (size_t i = 0; i < NUMBERS; i++) {
		const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, numbers[i].key);

		if (!item)
			continue;
		if (!is_whole(item, numbers[i].min, numbers[i].max))
			return fault_set(f, -EINVAL,
				"key \"surroundings.%s\": expected a whole number from %.0f to %.0f",
				numbers[i].key, numbers[i].min, numbers[i].max);
		*(int32_t *)(void *)((char *)s + numbers[i].offset) = (int32_t)item->valuedouble;
		if (numbers[i].which != SURROUND_SCHEDULER)
			s->given |= 1u << numbers[i].which;
	}
	return 0;
}

static int read_scheduler(const cJSON *o, struct surroundings *s, struct fault *f)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, "scheduler");

	if (!item)
		return 0;
	for (size_t i = 0; i < SCHEDULERS; i++)
		if (cJSON_IsString(item) && strcmp(item->valuestring, schedulers[i].word) == 0) {
			s->scheduler = schedulers[i].policy;
			s->given |= 1u << SURROUND_SCHEDULER;
			return 0;
		}
	return fault_set(f, -EINVAL,
		"key \"surroundings.scheduler\": expected other, batch, idle, fifo or rr");
}

static int read_cpus(const cJSON *o, struct surroundings *s, struct fault *f)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, "cpus");

	if (!item)
		return 0;
	if (!cJSON_IsString(item) || cpus_parse(item->valuestring, &s->cpus) < 0)
		return fault_set(f, -EINVAL,
			"key \"surroundings.cpus\": expected \"all\", or a list such as \"0-3,8\"");
	s->given |= 1u << SURROUND_CPUS;
	return 0;
}

static bool read_value(const cJSON *item, rlim_t *ret)
{
	if (cJSON_IsString(item) && strcmp(item->valuestring, UNLIMITED) == 0)
		*ret = RLIM_INFINITY;
	else if (is_whole(item, 0, EXACT_MAX))
		*ret = (rlim_t)item->valuedouble;
	else
		return false;
	return true;
}

/* "core_bytes": [0, "unlimited"], the soft limit and the hard one. */
static int read_limits(const cJSON *o, struct surroundings *s, struct fault *f)
{
	const cJSON *limits = cJSON_GetObjectItemCaseSensitive(o, "limits");

	if (limits && !cJSON_IsObject(limits))
		return fault_set(f, -EINVAL, "key \"surroundings.limits\": expected an object");
	for (unsigned i = 0; limits && i < RLIM_NLIMITS; i++) {
		const cJSON *pair = cJSON_GetObjectItemCaseSensitive(limits, labels[i]);
		struct rlimit *l = &s->limit[i];

		if (!pair)
			continue;
		if (!cJSON_IsArray(pair) || cJSON_GetArraySize(pair) != 2 ||
			!read_value(cJSON_GetArrayItem(pair, 0), &l->rlim_cur) ||
			!read_value(cJSON_GetArrayItem(pair, 1), &l->rlim_max) ||
			l->rlim_cur > l->rlim_max)
			return fault_set(f, -EINVAL,
				"key \"surroundings.limits.%s\": expected [SOFT, HARD], each a whole number up to %.0f or \"" UNLIMITED
				"\", SOFT not above HARD",
				labels[i], EXACT_MAX);
		s->given |= 1u << i;
	}
	return 0;
}

int surroundings_read(const cJSON *o, struct surroundings *ret, struct fault *f)
{
	struct surroundings s = { 0 };
	int r = 0;

	if (o && !cJSON_IsObject(o))
		return fault_set(f, -EINVAL, "key \"surroundings\": expected an object");
	if (o &&
		((r = read_numbers(o, &s, f)) < 0 || (r = read_scheduler(o, &s, f)) < 0 ||
			(r = read_cpus(o, &s, f)) < 0 || (r = read_limits(o, &s, f)) < 0))
		return r;
	*ret = s;
	return 0;
}

static void write_limit(struct json_out *o, rlim_t value)
{
	if (value > EXACT_MAX)
		json_text(o, NULL, UNLIMITED);
	else
		json_number(o, NULL, (double)value);
}

static void write_limits(struct json_out *o, const struct surroundings *s)
{
	json_open(o, "limits", '{');
	for (unsigned i = 0; i < RLIM_NLIMITS; i++) {
		if (!(s->given & 1u << i))
			continue;
		json_open(o, labels[i], '[');
		write_limit(o, s->limit[i].rlim_cur);
		write_limit(o, s->limit[i].rlim_max);
		json_close(o);
	}
	json_close(o);
}

static void write_cpus(struct json_out *o, const struct surroundings *s)
{
	char *text = cpus_print(&s->cpus);

	if (!text)
		json_fail(o, -ENOMEM);
	else
		json_text(o, "cpus", text);
	free(text);
}

static const char *scheduler_word(int policy)
{
	for (size_t i = 0; i < SCHEDULERS; i++)
		if (schedulers[i].policy == policy)
			return schedulers[i].word;
	return schedulers[0].word;
}

void surroundings_write(struct json_out *o, const char *key, const struct surroundings *s)
{
	json_open(o, key, '{');
	for (size_t i = 0; i < NUMBERS; i++)
		if (s->given & 1u << numbers[i].which)
			json_int(o, numbers[i].key,
				*(const int32_t *)(const void *)((const char *)s +
					numbers[i].offset));
	if (s->given & 1u << SURROUND_SCHEDULER)
		json_text(o, "scheduler", scheduler_word(s->scheduler));
	if (s->given & 1u << SURROUND_CPUS)
		write_cpus(o, s);
	write_limits(o, s);
	json_close(o);
}
