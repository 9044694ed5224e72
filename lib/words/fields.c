/* words/fields.c - the fields of the table (words/fields.h). */
#include "words/fields.h"

#define NUMBER(type, block, key) \
	{ \
#block, #key, offsetof(struct type, block.key), \
			sizeof(((struct type *)0)->block.key), false, false \
	}
#define SIGNED(type, block, key) \
	{ \
#block, #key, offsetof(struct type, block.key), \
			sizeof(((struct type *)0)->block.key), false, true \
	}
#define TEXT(type, block, key) \
	{ \
#block, #key, offsetof(struct type, block.key), \
			sizeof(((struct type *)0)->block.key), true, false \
	}

const struct table_field fields_row[] = {
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
	{ 0 },
};

const struct table_field fields_daemon[] = {
	NUMBER(fields_daemon, daemon, since_real_ns),
	NUMBER(fields_daemon, daemon, since_boot_ns),
	NUMBER(fields_daemon, daemon, start_ticks),
	SIGNED(fields_daemon, daemon, pid),
	NUMBER(fields_daemon, daemon, restarts),
	SIGNED(fields_daemon, daemon, wait_status),
	NUMBER(fields_daemon, daemon, flags),
	NUMBER(fields_daemon, daemon, exit_kind),
	{ 0 },
};

const struct table_field fields_monitor[] = {
	NUMBER(fields_monitor, state, registry_asked_real_ns),
	NUMBER(fields_monitor, state, registry_answered_real_ns),
	NUMBER(fields_monitor, state, registry_since_real_ns),
	NUMBER(fields_monitor, state, brake_since_real_ns),
	NUMBER(fields_monitor, state, cycles),
	NUMBER(fields_monitor, state, requests),
	NUMBER(fields_monitor, state, cycle_cpu_ns),
	NUMBER(fields_monitor, state, alerts_sent),
	NUMBER(fields_monitor, state, alerts_lost),
	NUMBER(fields_monitor, state, alerts_queued),
	NUMBER(fields_monitor, state, registry_agents),
	NUMBER(fields_monitor, state, interval_ms),
	NUMBER(fields_monitor, state, restart_tokens),
	NUMBER(fields_monitor, state, registry_state),
	NUMBER(fields_monitor, state, stuck_commands),
	TEXT(fields_monitor, state, registry_url),
	TEXT(fields_monitor, state, registry_error),
	TEXT(fields_monitor, state, brake_reason),
	TEXT(fields_monitor, state, conf_error),
	{ 0 },
};

uint64_t field_unsigned(const struct table_field *fd, const void *base)
{
	const void *at = (const char *)base + fd->offset;

	switch (fd->size) {
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
