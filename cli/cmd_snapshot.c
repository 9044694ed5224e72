/*
 * tend snapshot - the table as it is, every field of every row (words/fields.h).
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/role.h"
#include "base/str.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/printjson.h"
#include "client/instance.h"
#include "words/doc.h"
#include "words/fields.h"

static void print_field(const struct table_field *fd, const void *base)
{
	const void *at = (const char *)base + fd->offset;
	char shown[4 * PT_COMMAND_TEXT + 1];

	if (fd->is_text) {
		str_visible(shown, sizeof(shown), at);
		printf(" %s=\"%s\"", fd->key, shown);
	} else if (fd->is_signed) {
		printf(" %s=%" PRId32, fd->key, *(const int32_t *)at);
	} else {
		printf(" %s=%" PRIu64, fd->key, field_unsigned(fd, base));
	}
}

static void print_fields(const struct table_field *fd, const void *base)
{
	const char *block = NULL;

	for (; fd->key; fd++) {
		if (!block || strcmp(block, fd->block) != 0)
			printf("%s    %s:", block ? "\n" : "", fd->block);
		block = fd->block;
		print_field(fd, base);
	}
	putchar('\n');
}

static int print_text(const struct pt *pt)
{
	struct fields_monitor monitor;
	struct pt_info info;
	struct pt_row row;
	uint32_t high = pt_high(pt);

	pt_get_info(pt, &info);
	printf("segment: abi=%u capacity=%u commands=%u uid=%u total_bytes=%" PRIu64
	       " created_real_ns=%" PRIu64 " boot_id=%.40s\n",
		info.abi, info.capacity, info.commands, info.uid, info.total_bytes,
		info.created_real_ns, info.boot_id);
	printf("rows: used=%u high=%u changes=%u\n", pt_used(pt), high, pt_changes(pt));
	for (unsigned role = 0; role < ROLE_MAX; role++) {
		struct fields_daemon box;

		if (pt_read_daemon(pt, role, &box.daemon) < 0)
			continue;
		printf("%s\n", role_name(role));
		print_fields(fields_daemon, &box);
		if (role == ROLE_MONITOR && pt_read_monitor(pt, &monitor.state) == 0)
			print_fields(fields_monitor, &monitor);
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
		print_fields(fields_row, &row);
	}
	return EXIT_OK;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	struct instance in = INSTANCE_NONE;
	struct json_out o = { 0 };
	struct fault f = { "" };
	bool json = false;
	int opt, status;

	while ((opt = opts_next(self, argc, argv, options)) >= 0)
		json = true;
	if (opt != OPT_END)
		return opts_status(opt);
	if (!opts_operands(argc, 0, ""))
		return EXIT_MISUSE;
	if (instance_open(&in, NULL, PT_READER, &f) < 0) {
		instance_close(&in);
		return out_fail("%s", f.text);
	}
	if (json)
		doc_snapshot(&o, in.pt);
	status = json ? printjson(&o) : print_text(in.pt);
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
