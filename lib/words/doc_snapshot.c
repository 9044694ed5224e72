/* words/doc_snapshot.c - the table as it is (words/doc.h). */
#include <string.h>

#include "base/role.h"
#include "shm/table.h"
#include "words/doc.h"
#include "words/fields.h"

static void write_field(struct json_out *o, const struct table_field *fd, const void *base)
{
	const char *at = (const char *)base + fd->offset;

	if (fd->is_text)
		json_text(o, fd->key, at);
	else if (fd->is_signed)
		json_int(o, fd->key, *(const int32_t *)(const void *)at);
	else
		json_u64(o, fd->key, field_unsigned(fd, base));
}

/* An object for each block. */
static void write_fields(struct json_out *o, const struct table_field *fd, const void *base)
{
	const char *block = NULL;

	for (; fd->key; fd++) {
		if (!block || strcmp(block, fd->block) != 0) {
			if (block)
				json_close(o);
			json_open(o, fd->block, '{');
		}
		block = fd->block;
		write_field(o, fd, base);
	}
	json_close(o);
}

static void write_segment(struct json_out *o, const struct pt *pt, uint32_t high)
{
	struct pt_info info;

	pt_get_info(pt, &info);
	json_open(o, "segment", '{');
	json_u64(o, "abi", info.abi);
	json_u64(o, "capacity", info.capacity);
	json_u64(o, "commands", info.commands);
	json_u64(o, "uid", info.uid);
	json_u64(o, "total_bytes", info.total_bytes);
	json_u64(o, "created_real_ns", info.created_real_ns);
	json_text(o, "boot_id", info.boot_id);
	json_text(o, "home", info.home);
	json_u64(o, "used", pt_used(pt));
	json_u64(o, "high", high);
	json_u64(o, "changes", pt_changes(pt));
	json_close(o);
}

static void write_daemon(struct json_out *o, const struct pt *pt, unsigned role)
{
	struct fields_daemon d;

	if (pt_read_daemon(pt, role, &d.daemon) < 0)
		return;
	json_open(o, role_name(role), '{');
	write_fields(o, fields_daemon, &d);
	if (role == ROLE_MONITOR) {
		struct fields_monitor m;

		if (pt_read_monitor(pt, &m.state) == 0)
			write_fields(o, fields_monitor, &m);
	}
	json_close(o);
}

void doc_snapshot(struct json_out *o, const struct pt *pt)
{
	uint32_t high = pt_high(pt);
	struct pt_row row;

	json_open(o, NULL, '{');
	write_segment(o, pt, high);
	for (unsigned role = 0; role < ROLE_MAX; role++)
		write_daemon(o, pt, role);
	json_open(o, "rows", '[');
	for (uint32_t slot = 0; slot < high; slot++) {
		if (pt_read(pt, slot, &row) < 0)
			continue;
		json_open(o, NULL, '{');
		json_u64(o, "slot", slot);
		json_u64(o, "gen", row.gen);
		write_fields(o, fields_row, &row);
		json_close(o);
	}
	json_close(o);
	json_close(o);
}
