/*
 * words/doc.h - the documents of --json: one function for each definition of docs/tend.schema.json,
 * of the same name.
 *
 * Facts come as arguments; a value is appended to what the caller writes, and nothing is printed.
 * Whether all of it was written json_end() tells. What comes from outside is untrusted text: the
 * writer sees to that (json/write.h).
 */
#ifndef WORDS_DOC_H
#define WORDS_DOC_H

#include <cjson/cJSON.h>

#include "client/view.h"
#include "json/write.h"

struct cliconf;
struct findings;
struct foreign;
struct home;
struct log_entry;
struct log_sizes;
struct log_tally;
struct log_verdict;
struct stray;
struct outcomes;
struct ownregistry;
struct pt;
struct pt_event;
struct view;
struct view_row;

/* ---- processes (doc_process.c, doc_status.c, doc_list.c, doc_monitor.c, doc_why.c) */

void doc_process(struct json_out *o, const struct view *v, const struct view_row *r);

struct doc_status {
	const struct view *v;
	struct view_row *const *rows; /* those that are asked for */
	size_t n;
	const struct home *home;	    /* where the specifications are */
	const struct ownregistry *registry; /* where v has one */
	const struct foreign *foreign;
};

void doc_status(struct json_out *o, const struct doc_status *s);
/* The same, and what it takes is looked for in the home. rows NULL: all. */
void doc_status_of(struct json_out *o, const struct view *v, struct view_row *const *rows, size_t n,
	const struct home *home);

/* By name. others: entries of the registry's list that are not tend's. home: where the
 * specifications are. */
struct doc_list {
	const struct view *v;
	struct view_row *const *rows;
	size_t n;
	const cJSON *const *others;
	size_t n_others;
	const struct home *home;
};

void doc_list(struct json_out *o, const struct doc_list *l);

/* By name. home NULL: without the further keys of --verbose, for which the specifications are
 * read. */
void doc_monitor(struct json_out *o, const struct view *v, struct view_row *const *rows, size_t n,
	const struct home *home);

/* r NULL: no longer in the table. */
void doc_why(struct json_out *o, const char *name, const struct view *v, const struct view_row *r,
	const struct pt_event *events, size_t n);
void doc_event(struct json_out *o, const struct pt_event *e);

/* ---- the instance (doc_stats.c, doc_instance.c, doc_snapshot.c) */

#define DOC_WORDS 16u

struct doc_tally { /* how often each word was met, in the order of meeting */
	const char *word[DOC_WORDS];
	unsigned times[DOC_WORDS], n;
};

struct doc_load {
	double load[3]; /* over 1, 5 and 15 minutes */
	long cpus;
	uint64_t memory_bytes, free_bytes;
};

struct doc_stats {
	unsigned total, up;
	uint64_t restarts, uptime_ns, memory_bytes, cpu_permille;
	struct doc_tally status, health, service;
};

void doc_tally_count(struct doc_tally *t, const char *word);
void doc_stats_of(const struct view *v, struct doc_stats *ret);
/* load NULL: without. */
void doc_stats(struct json_out *o, const struct doc_stats *s, const struct doc_load *load);

void doc_doctor(struct json_out *o, const struct findings *found);
void doc_version(struct json_out *o, const char *name, const char *version);
void doc_config(struct json_out *o, const struct cliconf *c);
void doc_orphans(struct json_out *o, const struct stray *list, size_t n);

struct doc_group {
	const char *name;
	char *const *member;
	size_t n;
};

void doc_groups(struct json_out *o, const struct doc_group *g, size_t n);
void doc_snapshot(struct json_out *o, const struct pt *pt);

/* What a command that acts has done; ok: its exit status is 0 (doc_outcomes.c). */
void doc_acts(struct json_out *o, const char *command, bool ok, const struct outcomes *c);

/* ---- logs (doc_log.c): each is a document on a line of its own */

/* name: the process; stream: "out", "err" or "file". */
void doc_log(struct json_out *o, const char *name, const char *stream, const struct log_entry *e);
void doc_log_size(struct json_out *o, const char *name, const struct log_sizes *z);
void doc_log_verify(struct json_out *o, const char *name, const struct log_verdict *v);
void doc_log_stats(struct json_out *o, const char *label, const struct log_tally *t);

#endif
