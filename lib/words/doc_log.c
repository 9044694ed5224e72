/* words/doc_log.c - documents about logs (words/doc.h). */
#include "client/logfacts.h"
#include "client/phrase.h"
#include "logread/stream.h"
#include "words/doc.h"

void doc_log(struct json_out *o, const char *name, const char *stream, const struct log_entry *e)
{
	json_open(o, NULL, '{');
	json_time(o, "timestamp", e->time_ns);
	json_time(o, "arrived", e->arrival_ns);
	json_text(o, "level", parse_level_label(e->level));
	json_text(o, "name", name);
	json_text(o, "stream", stream);
	if (e->parsed.source)
		json_bytes(o, "source", e->parsed.source, e->parsed.source_len);
	else
		json_text(o, "source", name);
	json_bytes(o, "message", e->parsed.message, e->parsed.message_len);
	json_bytes(o, "line", e->text, e->len);
	json_close(o);
}

void doc_log_size(struct json_out *o, const char *name, const struct log_sizes *z)
{
	json_open(o, NULL, '{');
	json_text(o, "name", name);
	json_u64(o, "current_bytes", z->current);
	json_u64(o, "rotated_bytes", z->rotated);
	json_u64(o, "archived_bytes", z->archived);
	json_u64(o, "archive_file_bytes", z->archive_files);
	json_u64(o, "disk_bytes", log_sizes_on_disk(z));
	json_u64(o, "files", z->files);
	json_close(o);
}

void doc_log_verify(struct json_out *o, const char *name, const struct log_verdict *v)
{
	json_open(o, NULL, '{');
	json_text(o, "name", name);
	if (log_verdict_good(v) && !v->accounted)
		json_null(o, "complete");
	else
		json_bool(o, "complete", log_verdict_good(v));
	json_bool(o, "accounted", v->accounted);
	if (v->accounted)
		json_u64(o, "expected_bytes", v->expected);
	else
		json_null(o, "expected_bytes");
	json_u64(o, "found_bytes", v->found);
	json_u64(o, "damaged_bytes", v->lost);
	json_u64(o, "deleted_bytes", v->deleted);
	json_u64(o, "gone_bytes", v->gone);
	json_text(o, "not_captured", v->waits ? phrase_log_error(v->waits) : NULL);
	json_close(o);
}

void doc_log_stats(struct json_out *o, const char *label, const struct log_tally *t)
{
	json_open(o, NULL, '{');
	json_text(o, "source", label);
	json_text(o, "path", t->path);
	json_u64(o, "size", t->size);
	json_time(o, "modified", t->mtime_ns);
	json_u64(o, "lines", t->lines);
	json_open(o, "levels", '{');
	for (int l = 0; l < LOG_LEVEL_NONE; l++)
		json_u64(o, parse_level_label((enum log_level)l), t->levels[l]);
	json_close(o);
	json_close(o);
}
