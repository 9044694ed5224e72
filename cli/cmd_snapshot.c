/*
 * tend snapshot - the table as it is, every field of every row, under the names of shm/table.h. One list of fields
 * feeds text and JSON.
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/role.h"
#include "base/str.h"
#include "cli/instance.h"
#include "cli/json.h"
#include "cli/opts.h"
#include "cli/out.h"

struct field {
	const char *block, *key;
	size_t offset, size;
	bool is_text, is_signed;
};

#define NUMBER(type, block, key) \
	{ \
#block, #key, offsetof(struct type, block.key), sizeof(((struct type *)0)->block.key), false, false \
	}
#define SIGNED(type, block, key) \
	{ \
#block, #key, offsetof(struct type, block.key), sizeof(((struct type *)0)->block.key), false, true \
	}
#define TEXT(type, block, key) \
	{ \
#block, #key, offsetof(struct type, block.key), sizeof(((struct type *)0)->block.key), true, false \
	}

static const struct field row_fields[] = {
	TEXT(pt_row, ident, name),
	TEXT(pt_row, ident, command),
	NUMBER(pt_row, ident, spec_hash),
	NUMBER(pt_row, ident, created_real_ns),
	NUMBER(pt_row, ident, order),
	NUMBER(pt_row, ident, stop_timeout_ms),
	NUMBER(pt_row, ident, restart_delay_ms),
	NUMBER(pt_row, ident, restart_max_delay_ms),
	NUMBER(pt_row, ident, restart_window_ms),
	NUMBER(pt_row, ident, stable_ms),
	NUMBER(pt_row, ident, restart_limit),
	NUMBER(pt_row, ident, policy),
	NUMBER(pt_row, ident, service),
	NUMBER(pt_row, ident, stop_signal),
	NUMBER(pt_row, ident, command_cut),
	NUMBER(pt_row, ident, separate_stderr),
	NUMBER(pt_row, ident, log_rotate_bytes),
	NUMBER(pt_row, ident, log_rotate_age_s),
	NUMBER(pt_row, ident, log_keep_files),
	NUMBER(pt_row, ident, log_keep_age_s),
	NUMBER(pt_row, ident, log_keep_bytes),
	NUMBER(pt_row, life, since_real_ns),
	NUMBER(pt_row, life, since_boot_ns),
	NUMBER(pt_row, life, next_boot_ns),
	NUMBER(pt_row, life, start_real_ns),
	NUMBER(pt_row, life, start_boot_ns),
	NUMBER(pt_row, life, exit_real_ns),
	NUMBER(pt_row, life, exit_boot_ns),
	NUMBER(pt_row, life, start_ticks),
	NUMBER(pt_row, life, window_boot_ns),
	NUMBER(pt_row, life, event_pos),
	SIGNED(pt_row, life, pid),
	SIGNED(pt_row, life, wait_status),
	SIGNED(pt_row, life, launch_errno),
	NUMBER(pt_row, life, life),
	NUMBER(pt_row, life, restarts),
	NUMBER(pt_row, life, window_count),
	NUMBER(pt_row, life, streak),
	NUMBER(pt_row, life, stop_timeout_ms),
	NUMBER(pt_row, life, state),
	NUMBER(pt_row, life, want),
	NUMBER(pt_row, life, again),
	NUMBER(pt_row, life, reason),
	NUMBER(pt_row, life, exit_kind),
	NUMBER(pt_row, life, killed),
	NUMBER(pt_row, life, asked),
	NUMBER(pt_row, life, launch_stage),
	NUMBER(pt_row, life, desired),
	NUMBER(pt_row, life, pipe_left),
	NUMBER(pt_row, life, pipe_left_err),
	NUMBER(pt_row, health, sampled_boot_ns),
	NUMBER(pt_row, health, sampled_real_ns),
	NUMBER(pt_row, health, last_seen_real_ns),
	NUMBER(pt_row, health, since_real_ns),
	NUMBER(pt_row, health, memory_bytes),
	NUMBER(pt_row, health, cpu_ns),
	NUMBER(pt_row, health, read_bytes),
	NUMBER(pt_row, health, written_bytes),
	NUMBER(pt_row, health, gen),
	NUMBER(pt_row, health, life),
	NUMBER(pt_row, health, cpu_permille),
	NUMBER(pt_row, health, processes),
	NUMBER(pt_row, health, threads),
	NUMBER(pt_row, health, files),
	NUMBER(pt_row, health, failures),
	NUMBER(pt_row, health, verdict),
	NUMBER(pt_row, health, startup),
	NUMBER(pt_row, health, readiness),
	NUMBER(pt_row, health, liveness),
	TEXT(pt_row, health, error),
	NUMBER(pt_row, health, probed_real_ns),
	NUMBER(pt_row, health, restarted_real_ns),
	NUMBER(pt_row, health, listed_real_ns),
	NUMBER(pt_row, health, registry_seen_real_ns),
	NUMBER(pt_row, health, probe_us),
	NUMBER(pt_row, health, health_restarts),
	NUMBER(pt_row, health, capabilities),
	NUMBER(pt_row, health, dependencies),
	NUMBER(pt_row, health, dependencies_resolved),
	NUMBER(pt_row, health, listing),
	NUMBER(pt_row, health, registry_alive),
	NUMBER(pt_row, health, gave_up),
	NUMBER(pt_row, health, misconfigured),
	TEXT(pt_row, health, registry_status),
	TEXT(pt_row, health, registry_id),
	TEXT(pt_row, health, registry_endpoint),
	NUMBER(pt_row, log, captured_bytes),
	NUMBER(pt_row, log, file_bytes),
	NUMBER(pt_row, log, last_real_ns),
	NUMBER(pt_row, log, gen),
	NUMBER(pt_row, log, pipe_bytes),
	NUMBER(pt_row, log, pipe_fill),
	SIGNED(pt_row, log, error),
	NUMBER(pt_row, log, state),
	NUMBER(pt_row, log, base_bytes),
	NUMBER(pt_row, log, rotated_bytes),
	NUMBER(pt_row, log, archived_bytes),
	NUMBER(pt_row, log, archived_lines),
	NUMBER(pt_row, log, archive_file_bytes),
	NUMBER(pt_row, log, deleted_bytes),
	NUMBER(pt_row, log, deleted_lines),
	NUMBER(pt_row, log, gone_bytes),
	NUMBER(pt_row, log, err_captured_bytes),
	NUMBER(pt_row, log, err_file_bytes),
	NUMBER(pt_row, log, full),
	NUMBER(pt_row, log, full_boot_ns),
	NUMBER(pt_row, log, stall_max_ns),
	NUMBER(pt_row, log, rotations),
	NUMBER(pt_row, log, archives),
	NUMBER(pt_row, log, err_pipe_fill),
	NUMBER(pt_row, exit, start_ticks),
	NUMBER(pt_row, exit, real_ns),
	NUMBER(pt_row, exit, boot_ns),
	NUMBER(pt_row, exit, gen),
	NUMBER(pt_row, exit, held),
	SIGNED(pt_row, exit, pid),
	SIGNED(pt_row, exit, wait_status),
};
#define ROW_FIELDS (sizeof(row_fields) / sizeof(row_fields[0]))

struct daemon_box {
	struct pt_daemon daemon;
};

static const struct field daemon_fields[] = {
	NUMBER(daemon_box, daemon, since_real_ns),
	NUMBER(daemon_box, daemon, since_boot_ns),
	NUMBER(daemon_box, daemon, start_ticks),
	SIGNED(daemon_box, daemon, pid),
	NUMBER(daemon_box, daemon, restarts),
	SIGNED(daemon_box, daemon, wait_status),
	NUMBER(daemon_box, daemon, flags),
	NUMBER(daemon_box, daemon, exit_kind),
};
#define DAEMON_FIELDS (sizeof(daemon_fields) / sizeof(daemon_fields[0]))

struct monitor_box {
	struct pt_monitor state;
};

static const struct field monitor_fields[] = {
	NUMBER(monitor_box, state, registry_asked_real_ns),
	NUMBER(monitor_box, state, registry_answered_real_ns),
	NUMBER(monitor_box, state, registry_since_real_ns),
	NUMBER(monitor_box, state, brake_since_real_ns),
	NUMBER(monitor_box, state, cycles),
	NUMBER(monitor_box, state, requests),
	NUMBER(monitor_box, state, cycle_cpu_ns),
	NUMBER(monitor_box, state, alerts_sent),
	NUMBER(monitor_box, state, alerts_lost),
	NUMBER(monitor_box, state, alerts_queued),
	NUMBER(monitor_box, state, registry_agents),
	NUMBER(monitor_box, state, interval_ms),
	NUMBER(monitor_box, state, restart_tokens),
	NUMBER(monitor_box, state, registry_state),
	NUMBER(monitor_box, state, stuck_commands),
	TEXT(monitor_box, state, registry_url),
	TEXT(monitor_box, state, registry_error),
	TEXT(monitor_box, state, brake_reason),
	TEXT(monitor_box, state, conf_error),
};
#define MONITOR_FIELDS (sizeof(monitor_fields) / sizeof(monitor_fields[0]))

static uint64_t unsigned_at(const void *at, size_t size)
{
	switch (size) {
	case 1:
		return *(const uint8_t *)at;
	case 2:
		return *(const uint16_t *)at;
	case 4:
		return *(const uint32_t *)at;
	default:
		return *(const uint64_t *)at;
	}
}

static cJSON *value_of(const struct field *fd, const void *base)
{
	const void *at = (const char *)base + fd->offset;

	if (fd->is_text)
		return json_text(at);
	if (fd->is_signed)
		return cJSON_CreateNumber(*(const int32_t *)at);
	return json_u64(unsigned_at(at, fd->size));
}

static void print_field(const struct field *fd, const void *base)
{
	const void *at = (const char *)base + fd->offset;
	char shown[4 * PT_COMMAND_TEXT + 1];

	if (fd->is_text) {
		str_visible(shown, sizeof(shown), at);
		printf(" %s=\"%s\"", fd->key, shown);
	} else if (fd->is_signed) {
		printf(" %s=%" PRId32, fd->key, *(const int32_t *)at);
	} else {
		printf(" %s=%" PRIu64, fd->key, unsigned_at(at, fd->size));
	}
}

static void print_fields(const struct field *fd, size_t n, const void *base)
{
	const char *block = NULL;

	for (size_t i = 0; i < n; i++) {
		if (!block || strcmp(block, fd[i].block) != 0)
			printf("%s    %s:", block ? "\n" : "", fd[i].block);
		block = fd[i].block;
		print_field(&fd[i], base);
	}
	putchar('\n');
}

/* An object for each block. */
static bool add_fields(cJSON *to, const struct field *fd, size_t n, const void *base)
{
	cJSON *block = NULL;

	for (size_t i = 0; i < n; i++) {
		if (!block || strcmp(fd[i - 1].block, fd[i].block) != 0)
			block = cJSON_AddObjectToObject(to, fd[i].block);
		if (!block || !json_add(block, fd[i].key, value_of(&fd[i], base)))
			return false;
	}
	return true;
}

static int print_text(const struct pt *pt)
{
	struct monitor_box monitor;
	struct pt_info info;
	struct pt_row row;
	uint32_t high = pt_high(pt);

	pt_get_info(pt, &info);
	printf("segment: abi=%u capacity=%u commands=%u uid=%u total_bytes=%" PRIu64 " created_real_ns=%" PRIu64
	       " boot_id=%.40s\n",
		info.abi, info.capacity, info.commands, info.uid, info.total_bytes, info.created_real_ns, info.boot_id);
	printf("rows: used=%u high=%u changes=%u\n", pt_used(pt), high, pt_changes(pt));
	for (unsigned role = 0; role < ROLE_MAX; role++) {
		struct daemon_box box;

		if (pt_read_daemon(pt, role, &box.daemon) < 0)
			continue;
		printf("%s\n", role_name(role));
		print_fields(daemon_fields, DAEMON_FIELDS, &box);
		if (role == ROLE_MONITOR && pt_read_monitor(pt, &monitor.state) == 0)
			print_fields(monitor_fields, MONITOR_FIELDS, &monitor);
	}
	for (uint32_t slot = 0; slot < high; slot++) {
		int r = pt_read(pt, slot, &row);

		if (r == -ENOENT)
			continue;
		if (r < 0) {
			printf("row %u: unreadable: %s\n", slot, strerror(-r));
			continue;
		}
		printf("row %u gen %u\n", slot, row.gen);
		print_fields(row_fields, ROW_FIELDS, &row);
	}
	return EXIT_OK;
}

static bool build(cJSON *doc, const struct pt *pt)
{
	uint32_t high = pt_high(pt);
	struct monitor_box monitor;
	struct pt_info info;
	struct pt_row row;
	cJSON *list, *o;

	pt_get_info(pt, &info);
	o = cJSON_AddObjectToObject(doc, "segment");
	if (!o || !json_add(o, "abi", json_u64(info.abi)) || !json_add(o, "capacity", json_u64(info.capacity)) ||
		!json_add(o, "commands", json_u64(info.commands)) || !json_add(o, "uid", json_u64(info.uid)) ||
		!json_add(o, "total_bytes", json_u64(info.total_bytes)) ||
		!json_add(o, "created_real_ns", json_u64(info.created_real_ns)) ||
		!json_add(o, "boot_id", json_text(info.boot_id)) || !json_add(o, "home", json_text(info.home)) ||
		!json_add(o, "used", json_u64(pt_used(pt))) || !json_add(o, "high", json_u64(high)) ||
		!json_add(o, "changes", json_u64(pt_changes(pt))))
		return false;
	for (unsigned role = 0; role < ROLE_MAX; role++) {
		struct daemon_box box;

		if (pt_read_daemon(pt, role, &box.daemon) == 0 &&
			(!(o = cJSON_AddObjectToObject(doc, role_name(role))) ||
				!add_fields(o, daemon_fields, DAEMON_FIELDS, &box)))
			return false;
		if (role == ROLE_MONITOR && pt_read_monitor(pt, &monitor.state) == 0 && !add_fields(o, monitor_fields, MONITOR_FIELDS, &monitor))
			return false;
	}
	list = cJSON_AddArrayToObject(doc, "rows");
	for (uint32_t slot = 0; list && slot < high; slot++) {
		if (pt_read(pt, slot, &row) < 0)
			continue;
		o = cJSON_CreateObject();
		if (!o || !cJSON_AddItemToArray(list, o) || !json_add(o, "slot", json_u64(slot)) ||
			!json_add(o, "gen", json_u64(row.gen)) || !add_fields(o, row_fields, ROW_FIELDS, &row))
			return false;
	}
	return list != NULL;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	struct instance in = INSTANCE_NONE;
	struct fault f = { "" };
	bool json = false;
	cJSON *doc;
	int opt, status;

	while ((opt = opts_next(self, argc, argv, options)) >= 0)
		json = true;
	if (opt != OPT_END)
		return opts_status(opt);
	if (!opts_operands(argc, 0, ""))
		return EXIT_MISUSE;
	if (instance_open(&in, PT_READER, &f) < 0) {
		instance_close(&in);
		return out_fail("%s", f.text);
	}
	if (!json) {
		status = print_text(in.pt);
	} else if ((doc = cJSON_CreateObject()) && build(doc, in.pt)) {
		status = json_print(doc);
	} else {
		cJSON_Delete(doc);
		status = out_fail("out of memory");
	}
	instance_close(&in);
	return status;
}

const struct command cmd_snapshot = {
	.name = "snapshot",
	.summary = "the raw process table",
	.usage = "[--json]",
	.help = "Every field under the name that shm/table.h gives it; times are nanoseconds. For\n"
		"looking at tend itself, and for tools.\n"
		"\n"
		"  --json  one JSON object\n",
	.run = run,
};
