/* cli/logfiles.c - logs as files (cli/logfiles.h). */
#include "cli/logfiles.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/logshow.h"
#include "cli/out.h"
#include "cli/printjson.h"
#include "client/instance.h"
#include "client/logname.h"
#include "client/phrase.h"
#include "logread/unpack.h"
#include "term/texttable.h"
#include "words/doc.h"

bool logfiles_measure(const struct log_place *at, struct log_sizes *ret)
{
	struct segments s;
	struct fault f;

	if (segments_open(at->dirfd, at->stem, 0, SEGMENTS_OPEN, logshow_complain(), &s, &f) < 0) {
		out_warn("%s", f.text);
		return false;
	}
	for (size_t i = 0; i < s.n; i++) {
		struct segment *g = &s.list[i];

		ret->files++;
		if (g->archive) {
			struct archive_index x;

			if (archive_index_head(g->fd, &x, NULL) == 0)
				ret->archived += x.head.raw_bytes;
			else if (segment_ready(g, logshow_complain()) == 0)
				ret->archived += g->bytes;
			else
				ret->counted_bad = true;
			ret->archive_files += g->file_bytes;
			segment_leave(g);
		} else if (g->number == UINT32_MAX) {
			ret->current += g->bytes;
		} else {
			ret->rotated += g->bytes;
		}
	}
	segments_close(&s);
	return true;
}

/* The sizes of a process: of its log, and of standard error's where that is separate. *i moves
 * on. */
static void measure_process(
	const struct logplaces *p, size_t *i, char name[static 256], struct log_sizes *z)
{
	*z = (struct log_sizes){ 0 };
	(void)logname_process(p->list[*i].stem, name);
	for (; *i < p->n; (*i)++) {
		char other[256];

		if (strcmp(logname_process(p->list[*i].stem, other), name) != 0)
			break;
		if (!logfiles_measure(&p->list[*i], z))
			z->counted_bad = true;
	}
}

static void json_sizes(const char *name, const struct log_sizes *z)
{
	struct json_out o = { .one_line = true };

	doc_log_size(&o, name, z);
	(void)printjson(&o);
}

static void row(struct texttable *t, const char *name, const struct log_sizes *z)
{
	const uint64_t bytes[] = { z->current, z->rotated, z->archived, z->archive_files,
		log_sizes_on_disk(z) };
	char text[24];

	texttable_cell(t, name, false, TERM_BOLD);
	for (unsigned i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++)
		texttable_cell(t, phrase_bytes(bytes[i], text), true, TERM_PLAIN);
	snprintf(text, sizeof(text), "%u", z->files);
	texttable_cell(t, text, true, TERM_PLAIN);
}

static struct texttable *size_table(void)
{
	static const char *const titles[] = { "NAME", "CURRENT", "ROTATED", "ARCHIVED", "PACKED",
		"ON DISK", "FILES" };
	struct texttable *t = texttable_new(sizeof(titles) / sizeof(titles[0]));

	for (unsigned i = 0; t && i < sizeof(titles) / sizeof(titles[0]); i++)
		texttable_cell(t, titles[i], i > 0, TERM_BOLD);
	return t;
}

int logfiles_size(struct logplaces *p, bool json)
{
	struct texttable *t = json ? NULL : size_table();
	struct log_sizes sum = { 0 };
	bool bad = false, whole;
	unsigned n = 0;

	for (size_t i = 0; i < p->n; n++) {
		struct log_sizes z;
		char name[256];

		measure_process(p, &i, name, &z);
		bad = bad || z.counted_bad;
		sum.current += z.current;
		sum.rotated += z.rotated;
		sum.archived += z.archived;
		sum.archive_files += z.archive_files;
		sum.files += z.files;
		if (json)
			json_sizes(name, &z);
		else if (t)
			row(t, name, &z);
	}
	if (!json && n > 1 && t)
		row(t, "(all)", &sum);
	whole = json || (t && texttable_whole(t));
	if (t && whole)
		texttable_print(t, term_width());
	texttable_free(t);
	if (!whole)
		return out_fail("out of memory");
	return bad ? EXIT_FAIL : EXIT_OK;
}

/* Is the index there? Without it, an archive is what its frames still give; what it held its head
 * says, if that is whole. */
static void check_whole(struct segment *g, struct log_verdict *v)
{
	struct archive_index x;
	unsigned before = logshow_complaints();
	bool told = g->fd >= 0 && archive_index_head(g->fd, &x, NULL) == 0;

	if (segment_ready(g, logshow_complain()) < 0)
		v->lost++;
	else if (!g->indexed && told)
		v->lost += x.head.raw_bytes > g->bytes ? x.head.raw_bytes - g->bytes : 0;
	else if (!g->indexed && logshow_complaints() != before)
		v->cut = true;
}

/* Decode every archive: a file that is there and can't be read is missing, too. */
static void check_archives(const struct log_place *at, struct log_verdict *v)
{
	struct segments s;
	struct fault f;
	char *buf = NULL;
	size_t room = 0;

	if (segments_open(at->dirfd, at->stem, 0, SEGMENTS_OPEN, logshow_complain(), &s, &f) < 0) {
		v->lost++;
		return;
	}
	for (size_t i = 0; i < s.n; i++) {
		struct segment *g = &s.list[i];

		if (g->archive)
			check_whole(g, v);
		for (uint32_t b = 0; g->indexed && b < g->index.head.blocks; b++)
			if (unpack_block(g->fd, &g->index.blocks[b], &buf, &room, &f) < 0) {
				log_complain(logshow_complain(), g->name, &f);
				v->lost += g->index.blocks[b].raw_bytes;
			}
		segment_leave(g);
	}
	free(buf);
	segments_close(&s);
}

/* The equation of struct pt_log (shm/table.h). */
static void judge(const struct pt_row *row, const struct log_sizes *z, struct log_verdict *v)
{
	v->found = z->current + z->rotated + z->archived;
	v->accounted = row && row->log.gen == row->gen;
	if (!v->accounted)
		return;
	v->waits = row->log.error;
	v->deleted = row->log.deleted_bytes;
	v->gone = row->log.gone_bytes;
	v->expected = row->log.base_bytes + row->log.captured_bytes - v->deleted - v->gone;
}

static bool say_verdict(const char *name, const struct log_verdict *v, bool json)
{
	bool good = log_verdict_good(v);

	if (json) {
		struct json_out o = { .one_line = true };

		doc_log_verify(&o, name, v);
		(void)printjson(&o);
		return good;
	}
	if (!v->accounted)
		printf("%s: %" PRIu64 " bytes are there%s; %s\n", name, v->found,
			v->lost || v->cut ? ", partly damaged" : ", all of them readable",
			strcmp(name, "tend") == 0
				? "what tend says itself is not counted"
				: "no process of that name is known, so how many there should be is not");
	else if (v->expected > v->found)
		printf("%s: %" PRIu64 " bytes are MISSING: %" PRIu64 " expected, %" PRIu64
		       " there\n",
			name, v->expected - v->found, v->expected, v->found);
	else if (v->expected < v->found)
		printf("%s: %" PRIu64 " bytes more than were captured: %" PRIu64
		       " expected, %" PRIu64 " there\n",
			name, v->found - v->expected, v->expected, v->found);
	else if (!v->waits)
		printf("%s: complete, %" PRIu64 " bytes%s\n", name, v->found,
			v->deleted ? " (older ones were deleted by retention)" : "");
	if (v->lost)
		printf("%s: %" PRIu64 " bytes can't be read: their archive is damaged\n", name,
			v->lost);
	else if (v->cut)
		printf("%s: an archive is damaged; how much of it can't be read is not known\n",
			name);
	if (v->waits)
		printf("%s: not complete: what it writes is not captured, and waits in its pipe: %s\n",
			name, phrase_log_error(v->waits));
	if (v->gone)
		printf("%s: %" PRIu64 " bytes were taken away by someone else than tend\n", name,
			v->gone);
	return good;
}

/* The logger publishes a moment behind what it moves, so a difference is looked at again, for a
 * process that writes. */
static void look(const struct instance *in, const struct logplaces *p, size_t *i,
	char name[static 256], struct log_verdict *v)
{
	size_t from = *i;

	for (unsigned tries = 0; tries < 20; tries++) {
		struct pt_row row, after;
		struct log_sizes z;
		bool known;

		*v = (struct log_verdict){ 0 };
		*i = from;
		(void)logname_process(p->list[from].stem, name);
		known = in->pt && pt_find(in->pt, name, &row) == 0;
		measure_process(p, i, name, &z);
		judge(known ? &row : NULL, &z, v);
		if (!v->accounted || v->expected == v->found)
			break;
		if (tries > 5 && pt_find(in->pt, name, &after) == 0 &&
			after.log.captured_bytes == row.log.captured_bytes)
			break; /* it is quiet, and still they differ */
		instance_nap(50);
	}
	for (size_t k = from; k < *i; k++)
		check_archives(&p->list[k], v);
}

int logfiles_verify(struct logplaces *p, bool json)
{
	struct instance in = INSTANCE_NONE;
	bool good = true;

	(void)instance_open(&in, NULL, PT_READER, NULL);
	for (size_t i = 0; i < p->n;) {
		struct log_verdict v;
		char name[256];

		look(&in, p, &i, name, &v);
		good = say_verdict(name, &v, json) && good;
	}
	instance_close(&in);
	return good ? EXIT_OK : EXIT_FAIL;
}
