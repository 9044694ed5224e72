/*
 * tests/unit/test_shm_readme.c - shm/README.md says of every byte what the code says.
 *
 * Each table of a record must name every field of the struct, in order, at its place, with its
 * size; and leave no byte out. Needs the working folder to be the top of the tree, or TEND_TOP to
 * name it.
 */
#include "shm/events.h"
#include "shm/ring.h"
#include "shm_fixture.h"

struct field {
	const char *type, *name;
	size_t type_bytes, offset, bytes;
};

#define F(type, member) \
	{ \
#type, #member, sizeof(struct type), offsetof(struct type, member), \
			sizeof(((struct type *)0)->member) \
	}

static const struct field fields[] = {
	F(seg_header, magic),
	F(seg_header, abi),
	F(seg_header, header_bytes),
	F(seg_header, fingerprint),
	F(seg_header, total_bytes),
	F(seg_header, created_real_ns),
	F(seg_header, pid_namespace),
	F(seg_header, instance),
	F(seg_header, uid),
	F(seg_header, capacity),
	F(seg_header, commands),
	F(seg_header, regions),
	F(seg_header, boot_id),
	F(seg_header, home),
	F(seg_header, region),
	F(seg_shared, changes),
	{ "seg_shared", "lock", sizeof(struct seg_shared), 64, 64 },
	F(seg_shared, holder),
	F(seg_shared, used),
	F(seg_shared, high),
	F(seg_shared, pad),
	F(seg_shared, next_ticket),
	F(seg_shared, journal),
	F(seg_journal, n),
	F(seg_journal, pad),
	F(seg_journal, e),
	F(seg_command, state),
	F(seg_command, uid),
	F(seg_command, ticket),
	F(seg_command, start_ticks),
	F(seg_command, pid),
	F(seg_command, done_boot_s),
	F(seg_command, progress),
	F(seg_command, req),
	F(seg_command, answer),
	F(pt_request, kind),
	F(pt_request, flags),
	F(pt_request, signo),
	F(pt_request, timeout_ms),
	F(pt_request, name),
	F(pt_request, spec),
	F(pt_answer, code),
	F(pt_answer, pid),
	F(pt_answer, detail),
	F(pt_answer, text),
	F(pt_daemon, since_real_ns),
	F(pt_daemon, since_boot_ns),
	F(pt_daemon, start_ticks),
	F(pt_daemon, pid),
	F(pt_daemon, restarts),
	F(pt_daemon, wait_status),
	F(pt_daemon, flags),
	F(pt_daemon, exit_kind),
	F(pt_daemon, pad),
	F(pt_ident, name),
	F(pt_ident, spec_hash),
	F(pt_ident, created_real_ns),
	F(pt_ident, gen),
	F(pt_ident, order),
	F(pt_ident, stop_timeout_ms),
	F(pt_ident, restart_delay_ms),
	F(pt_ident, restart_max_delay_ms),
	F(pt_ident, restart_window_ms),
	F(pt_ident, stable_ms),
	F(pt_ident, restart_limit),
	F(pt_ident, policy),
	F(pt_ident, service),
	F(pt_ident, stop_signal),
	F(pt_ident, command_cut),
	F(pt_ident, separate_stderr),
	F(pt_ident, pad),
	F(pt_ident, log_rotate_bytes),
	F(pt_ident, log_keep_bytes),
	F(pt_ident, log_rotate_age_s),
	F(pt_ident, log_keep_age_s),
	F(pt_ident, log_keep_files),
	F(pt_ident, pad2),
	F(pt_ident, command),
	F(pt_life, since_real_ns),
	F(pt_life, since_boot_ns),
	F(pt_life, next_boot_ns),
	F(pt_life, start_real_ns),
	F(pt_life, start_boot_ns),
	F(pt_life, exit_real_ns),
	F(pt_life, exit_boot_ns),
	F(pt_life, start_ticks),
	F(pt_life, window_boot_ns),
	F(pt_life, event_pos),
	F(pt_life, pid),
	F(pt_life, wait_status),
	F(pt_life, launch_errno),
	F(pt_life, gen),
	F(pt_life, life),
	F(pt_life, restarts),
	F(pt_life, window_count),
	F(pt_life, streak),
	F(pt_life, stop_timeout_ms),
	F(pt_life, state),
	F(pt_life, want),
	F(pt_life, again),
	F(pt_life, reason),
	F(pt_life, exit_kind),
	F(pt_life, killed),
	F(pt_life, launch_stage),
	F(pt_life, desired),
	F(pt_life, asked),
	F(pt_life, pipe_left),
	F(pt_life, pipe_left_err),
	F(pt_health, sampled_boot_ns),
	F(pt_health, sampled_real_ns),
	F(pt_health, last_seen_real_ns),
	F(pt_health, since_real_ns),
	F(pt_health, memory_bytes),
	F(pt_health, cpu_ns),
	F(pt_health, read_bytes),
	F(pt_health, written_bytes),
	F(pt_health, gen),
	F(pt_health, life),
	F(pt_health, cpu_permille),
	F(pt_health, processes),
	F(pt_health, threads),
	F(pt_health, files),
	F(pt_health, failures),
	F(pt_health, verdict),
	F(pt_health, startup),
	F(pt_health, readiness),
	F(pt_health, liveness),
	F(pt_health, error),
	F(pt_health, probed_real_ns),
	F(pt_health, restarted_real_ns),
	F(pt_health, listed_real_ns),
	F(pt_health, registry_seen_real_ns),
	F(pt_health, probe_us),
	F(pt_health, health_restarts),
	F(pt_health, capabilities),
	F(pt_health, dependencies),
	F(pt_health, dependencies_resolved),
	F(pt_health, listing),
	F(pt_health, registry_alive),
	F(pt_health, gave_up),
	F(pt_health, misconfigured),
	F(pt_health, pad),
	F(pt_health, registry_status),
	F(pt_health, registry_id),
	F(pt_health, registry_endpoint),
	F(pt_monitor, registry_asked_real_ns),
	F(pt_monitor, registry_answered_real_ns),
	F(pt_monitor, registry_since_real_ns),
	F(pt_monitor, brake_since_real_ns),
	F(pt_monitor, cycles),
	F(pt_monitor, requests),
	F(pt_monitor, cycle_cpu_ns),
	F(pt_monitor, alerts_sent),
	F(pt_monitor, alerts_lost),
	F(pt_monitor, alerts_queued),
	F(pt_monitor, registry_agents),
	F(pt_monitor, interval_ms),
	F(pt_monitor, restart_tokens),
	F(pt_monitor, registry_state),
	F(pt_monitor, stuck_commands),
	F(pt_monitor, pad),
	F(pt_monitor, registry_url),
	F(pt_monitor, registry_error),
	F(pt_monitor, brake_reason),
	F(pt_monitor, conf_error),
	F(pt_log, captured_bytes),
	F(pt_log, file_bytes),
	F(pt_log, last_real_ns),
	F(pt_log, gen),
	F(pt_log, pipe_bytes),
	F(pt_log, pipe_fill),
	F(pt_log, error),
	F(pt_log, state),
	F(pt_log, full),
	F(pt_log, pad),
	F(pt_log, base_bytes),
	F(pt_log, rotated_bytes),
	F(pt_log, archived_bytes),
	F(pt_log, archived_lines),
	F(pt_log, archive_file_bytes),
	F(pt_log, deleted_bytes),
	F(pt_log, deleted_lines),
	F(pt_log, gone_bytes),
	F(pt_log, err_captured_bytes),
	F(pt_log, err_file_bytes),
	F(pt_log, full_boot_ns),
	F(pt_log, stall_max_ns),
	F(pt_log, rotations),
	F(pt_log, archives),
	F(pt_log, err_pipe_fill),
	F(pt_log, pad2),
	F(pt_exit, start_ticks),
	F(pt_exit, real_ns),
	F(pt_exit, boot_ns),
	F(pt_exit, gen),
	F(pt_exit, held),
	F(pt_exit, pid),
	F(pt_exit, wait_status),
	F(seg_ring, head),
	F(seg_ring, pad),
	F(pt_event, seq),
	F(pt_event, real_ns),
	F(pt_event, boot_ns),
	F(pt_event, value),
	F(pt_event, slot),
	F(pt_event, gen),
	F(pt_event, pid),
	F(pt_event, wait_status),
	F(pt_event, by_pid),
	F(pt_event, by_uid),
	F(pt_event, kind),
	F(pt_event, from),
	F(pt_event, to),
	F(pt_event, reason),
	F(pt_event, exit_kind),
	F(pt_event, stage),
	F(pt_event, pad),
	F(pt_event, name),
};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))

static char *readme;

static void load(void)
{
	const char *top = getenv("TEND_TOP");
	char path[512];
	size_t n;
	FILE *in;

	snprintf(path, sizeof(path), "%s/shm/README.md", top ? top : ".");
	in = fopen(path, "r");
	ck_assert_msg(in != NULL, "cannot open %s", path);
	readme = calloc(1, 1 << 20);
	n = fread(readme, 1, (1 << 20) - 1, in);
	ck_assert_uint_gt(n, 0);
	fclose(in);
}

/* The lines of a record's table, from its heading on; checks the size in the heading. */
static const char *table_of(const struct field *f)
{
	char heading[100];
	const char *at;

	snprintf(heading, sizeof(heading), "### struct %s, %zu bytes\n", f->type, f->type_bytes);
	at = strstr(readme, heading);
	ck_assert_msg(at != NULL, "no heading \"%s\"", heading);
	at = strstr(at, "| --: |");
	ck_assert_ptr_nonnull(at);
	return strchr(at, '\n') + 1;
}

/* One line: offset, size, name. False at the end of the table. */
static bool row_of(const char **at, size_t *offset, size_t *bytes, char name[static 64])
{
	char type[16];

	if (sscanf(*at, "| %zu | %zu | %15[^ |] | %63[^ |] |", offset, bytes, type, name) != 4)
		return false;
	*at += strcspn(*at, "\n");
	*at += **at == '\n';
	return true;
}

START_TEST(records)
{
	load();
	for (size_t i = 0; i < FIELDS;) {
		const char *type = fields[i].type, *at = table_of(&fields[i]);
		size_t end = 0, offset = 0, bytes = 0, whole = fields[i].type_bytes;
		char name[64];

		while (row_of(&at, &offset, &bytes, name)) {
			ck_assert_msg(
				offset == end, "%s: byte %zu is left out or told twice", type, end);
			end = offset + bytes;
			if (strcmp(name, "-") == 0) /* a gap: no field may begin in it */
				continue;
			ck_assert_msg(i < FIELDS && fields[i].type_bytes == whole &&
					strcmp(fields[i].type, type) == 0,
				"%s has no %s", type, name);
			ck_assert_str_eq(name, fields[i].name);
			ck_assert_msg(offset == fields[i].offset, "%s.%s is at %zu", type, name,
				fields[i].offset);
			ck_assert_msg(bytes == fields[i].bytes, "%s.%s has %zu bytes", type, name,
				fields[i].bytes);
			i++;
		}
		ck_assert_msg(end == whole, "%s ends at %zu", type, whole);
		ck_assert_msg(i == FIELDS || strcmp(fields[i].type, type) != 0, "%s.%s is not told",
			type, fields[i < FIELDS ? i : 0].name);
	}
}
END_TEST

START_TEST(regions)
{
	struct seg_region r[SEG_REGION_MAX];

	load();
	(void)seg_plan(4321, r);
	for (unsigned i = 0; i < SEG_REGION_MAX; i++) {
		char line[120], count[16];

		snprintf(count, sizeof(count), "%u", r[i].count);
		snprintf(line, sizeof(line), "\n| %u | %s | %u | %s |", i, seg_region_label(i),
			r[i].stride, r[i].count == 4321 ? "capacity" : count);
		ck_assert_msg(strstr(readme, line) != NULL, "no line \"%s\"", line + 1);
	}
}
END_TEST

/* Is it there, however the lines are broken? */
static bool has_words(const char *text, const char *words)
{
	for (; (text = strstr(text, "\n- ")) != NULL; text++) {
		const char *t = text + 1, *w = words;

		while (*w && (*t == *w || (*w == ' ' && *t == '\n'))) {
			t += *t == '\n' ? strspn(t, "\n ") : 1;
			w++;
		}
		if (!*w && *t == '\n' && t[1] != ' ')
			return true;
	}
	return false;
}

static void numbers(const char *what, const char *(*label)(unsigned), unsigned first, unsigned end)
{
	char line[1024];
	size_t n = (size_t)snprintf(line, sizeof(line), "- %s: ", what);

	for (unsigned i = first; i < end; i++)
		n += (size_t)snprintf(
			line + n, sizeof(line) - n, "%s%u %s", i > first ? ", " : "", i, label(i));
	ck_assert_msg(has_words(readme, line), "no line \"%s\"", line);
}

START_TEST(words)
{
	load();
	numbers("state", pt_state_label, 0, PT_STATE_MAX);
	numbers("reason", pt_reason_label, 0, PT_REASON_MAX);
	numbers("policy", pt_policy_label, 0, PT_POLICY_MAX);
	numbers("service", pt_service_label, 0, PT_SERVICE_MAX);
	numbers("verdict", pt_health_label, 0, PT_HEALTH_MAX);
	numbers("listing", pt_listing_label, 0, PT_LISTING_MAX);
	numbers("probe", pt_probe_label, 0, PT_PROBE_MAX);
	numbers("registry", pt_registry_label, 0, PT_REGISTRY_MAX);
	numbers("log state", pt_log_label, 0, PT_LOG_MAX);
	numbers("stage", pt_stage_label, 0, PT_STAGE_MAX);
	numbers("event kind", pt_event_label, 1, PT_EVENT_MAX);
	numbers("command kind", pt_command_label, 0, PT_COMMAND_MAX);
	ck_assert_int_eq(PT_EXIT_LOST, 2);
	for (unsigned kind = 0; kind < PT_COMMAND_MAX; kind++)
		ck_assert_int_eq(pt_command_role(kind),
			kind < 5	    ? ROLE_SPAWNER
				: kind == 5 ? ROLE_GUARDIAN
					    : ROLE_LOGGER);
}
END_TEST

START_TEST(constants)
{
	load();
	ck_assert_uint_eq(SEG_MAGIC, 0x31484d53444e4554ull);
	ck_assert_mem_eq("TENDSMH1", &(uint64_t){ SEG_MAGIC }, 8);
	ck_assert_uint_eq(SEG_ABI, 5);
	ck_assert_uint_eq(SEG_PAGE, 4096);
	ck_assert_uint_eq(PT_CAPACITY_MAX, 65536);
	ck_assert_uint_eq(LATCH_BYTES(40), 8 + 2 * 40);
	ck_assert_ptr_nonnull(strstr(readme, "0xcbf29ce484222325"));
	ck_assert_uint_eq(STR_HASH_SEED, 0xcbf29ce484222325ull);
	/* FNV's own test value */
	ck_assert_uint_eq(str_hash(STR_HASH_SEED, "a", 1), 0xaf63dc4c8601ec8cull);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("readme");

	tcase_add_test(tc, records);
	tcase_add_test(tc, regions);
	tcase_add_test(tc, words);
	tcase_add_test(tc, constants);
	return run_case(tc, "shm_readme");
}
