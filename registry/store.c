/* registry/store.c - the agents on the disk (registry/store.h). */
#include "registry/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/ownfile.h"
#include "base/str.h"

#define BUSY_MS 2000
/* in one transaction, so that no registration waits long for it */
#define ROWS_AT_ONCE 50u
#define LOG_BYTES    (4 * 1024 * 1024) /* SQLite's own limit, 1,000 pages */

struct store {
	sqlite3 *db;
	sqlite3_stmt *put, *beat, *delete;
	char *log_path;
};

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS tend_agents ("
	"id TEXT PRIMARY KEY, doc TEXT NOT NULL, said TEXT NOT NULL, gone INTEGER NOT NULL, stale INTEGER NOT NULL,"
	"created INTEGER NOT NULL, updated INTEGER NOT NULL, seen INTEGER NOT NULL) WITHOUT ROWID";

static int fail(struct store *s, struct fault *f, const char *what)
{
	return fault_set(f, -EIO, "%s: %s", what, sqlite3_errmsg(s->db));
}

static int prepare(struct store *s, const char *sql, sqlite3_stmt **ret, struct fault *f)
{
	if (sqlite3_prepare_v2(s->db, sql, -1, ret, NULL) == SQLITE_OK)
		return 0;
	return fail(s, f, "database");
}

static int set_up(struct store *s, struct fault *f)
{
	int r;

	sqlite3_busy_timeout(s->db, BUSY_MS);
	if (sqlite3_exec(s->db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL) != SQLITE_OK ||
		sqlite3_exec(s->db, "PRAGMA synchronous=NORMAL", NULL, NULL, NULL) != SQLITE_OK ||
		/* store_checkpoint() */
		sqlite3_exec(s->db, "PRAGMA wal_autocheckpoint=0", NULL, NULL, NULL) != SQLITE_OK ||
		sqlite3_exec(s->db, schema, NULL, NULL, NULL) != SQLITE_OK)
		return fail(s, f, "database");
	r = prepare(s, "INSERT OR REPLACE INTO tend_agents VALUES (?1,?2,?3,?4,?5,?6,?7,?8)",
		&s->put, f);
	if (r == 0)
		r = prepare(s,
			"UPDATE tend_agents SET said=?2,gone=?3,stale=?4,updated=?5,seen=?6 WHERE id=?1 AND seen<=?6",
			&s->beat, f);
	if (r == 0)
		r = prepare(s, "DELETE FROM tend_agents WHERE id=?1", &s->delete, f);
	return r;
}

/* Made by us, so that SQLite's own files beside it get the same mode. A file that exists is not
 * opened: closing it would take away the locks that SQLite holds in this process already, and
 * whoever looks into the database next would take its log for abandoned, and remove it. */
static int make_new_file(const char *path, struct fault *f)
{
	struct stat st;
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	if (errno != EEXIST || stat(path, &st) < 0)
		return fault_errno(f, -errno, "cannot open the database %s", path);
	if (!S_ISREG(st.st_mode))
		return fault_set(f, -EINVAL, "the database %s is not a regular file", path);
	if (faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) < 0)
		return fault_errno(f, -errno, "cannot open the database %s", path);
	return 0;
}

static int make_file(const char *path, struct fault *f)
{
	int r = ownfile_database(path, f);

	return r < 0 ? r : make_new_file(path, f);
}

int store_open(const char *path, struct store **ret, struct fault *f)
{
	struct store *s = calloc(1, sizeof(*s));
	struct fault why = { "" };
	int r;

	if (!s)
		return fault_errno(f, -ENOMEM, "database");
	r = asprintf(&s->log_path, "%s-wal", path) < 0 ? fault_errno(f, -ENOMEM, "database")
						       : make_file(path, f);
	if (r < 0) {
		free(s->log_path);
		free(s);
		return r;
	}
	if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
		set_up(s, &why) < 0) {
		r = fault_set(f, -EIO, "cannot use %s as a database: %s", path,
			s->db ? sqlite3_errmsg(s->db) : "out of memory");
		store_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	sqlite3_finalize(s->put);
	sqlite3_finalize(s->beat);
	sqlite3_finalize(s->delete);
	sqlite3_close(s->db);
	free(s->log_path);
	free(s);
}

/* An agent that was healthy when the registry ended gets its whole time again: that the registry
 * was away is not held against it. */
static int take_row(sqlite3_stmt *row, struct table *t, uint64_t now_boot_ns)
{
	const char *doc = (const char *)sqlite3_column_text(row, 1),
		   *said = (const char *)sqlite3_column_text(row, 2);
	uint64_t seen = (uint64_t)sqlite3_column_int64(row, 7);
	struct fault f;
	struct agent *a = doc ? agent_from_stored(doc, &f) : NULL;
	int r;

	if (!a)
		return -EBADMSG;
	if (said && said[0])
		agent_says(a, said);
	r = table_find(t, a->id) ? -EEXIST : table_put(t, a, now_boot_ns, seen);
	if (r < 0) {
		agent_free(a);
		return r;
	}
	a->left = sqlite3_column_int(row, 3) != 0;
	a->stale = a->left || sqlite3_column_int(row, 4) != 0;
	a->created_real_ns = (uint64_t)sqlite3_column_int64(row, 5);
	a->updated_real_ns = (uint64_t)sqlite3_column_int64(row, 6);
	a->dirty = false;
	if (a->stale)
		a->seen_boot_ns = now_boot_ns > a->timeout_ns ? now_boot_ns - a->timeout_ns : 0;
	return 0;
}

int store_load(struct store *s, struct table *t, uint64_t now_boot_ns, size_t *ret_damaged,
	struct fault *f)
{
	sqlite3_stmt *rows = NULL;
	int step,
		r = prepare(s,
			"SELECT id,doc,said,gone,stale,created,updated,seen FROM tend_agents",
			&rows, f);

	*ret_damaged = 0;
	while (r == 0 && (step = sqlite3_step(rows)) != SQLITE_DONE) {
		if (step != SQLITE_ROW)
			r = fail(s, f, "database");
		else if ((r = take_row(rows, t, now_boot_ns)) == -ENOMEM)
			fault_errno(f, r, "database");
		else if (r < 0) {
			++*ret_damaged;
			r = 0;
		}
	}
	sqlite3_finalize(rows);
	return r;
}

static int run(struct store *s, sqlite3_stmt *st, struct fault *f)
{
	int r = sqlite3_step(st);

	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return r == SQLITE_DONE ? 0 : fail(s, f, "database");
}

int store_put(struct store *s, struct agent *a, struct fault *f)
{
	char *doc = agent_stored(a);
	sqlite3_stmt *p = s->put;
	int r;

	if (!doc)
		return fault_errno(f, -ENOMEM, "database");
	sqlite3_bind_text(p, 1, a->id, -1, SQLITE_STATIC);
	sqlite3_bind_text(p, 2, doc, -1, SQLITE_STATIC);
	sqlite3_bind_text(p, 3, a->said, -1, SQLITE_STATIC);
	sqlite3_bind_int(p, 4, a->left);
	sqlite3_bind_int(p, 5, a->stale);
	sqlite3_bind_int64(p, 6, (sqlite3_int64)a->created_real_ns);
	sqlite3_bind_int64(p, 7, (sqlite3_int64)a->updated_real_ns);
	sqlite3_bind_int64(p, 8, (sqlite3_int64)a->seen_real_ns);
	r = run(s, p, f);
	free(doc);
	if (r == 0)
		a->dirty = false;
	return r;
}

int store_take(struct table *t, struct store_beat **ret)
{
	struct store_beat *list;
	size_t n = 0;

	*ret = NULL;
	for (size_t i = 0; i < t->n; i++)
		n += t->all[i]->dirty;
	if (n == 0)
		return 0;
	list = calloc(n, sizeof(*list));
	if (!list)
		return -ENOMEM;
	n = 0;
	for (size_t i = 0; i < t->n; i++) {
		struct agent *a = t->all[i];
		struct store_beat *b = &list[n];

		if (!a->dirty)
			continue;
		*b = (struct store_beat){ .left = a->left,
			.stale = a->stale,
			.updated_real_ns = a->updated_real_ns,
			.seen_real_ns = a->seen_real_ns };
		(void)str_copy(b->id, sizeof(b->id), a->id);
		(void)str_copy(b->said, sizeof(b->said), a->said);
		a->dirty = false;
		n++;
	}
	*ret = list;
	return (int)n;
}

static int write_beat(struct store *s, const struct store_beat *b, struct fault *f)
{
	sqlite3_stmt *p = s->beat;

	sqlite3_bind_text(p, 1, b->id, -1, SQLITE_STATIC);
	sqlite3_bind_text(p, 2, b->said, -1, SQLITE_STATIC);
	sqlite3_bind_int(p, 3, b->left);
	sqlite3_bind_int(p, 4, b->stale);
	sqlite3_bind_int64(p, 5, (sqlite3_int64)b->updated_real_ns);
	sqlite3_bind_int64(p, 6, (sqlite3_int64)b->seen_real_ns);
	return run(s, p, f);
}

static int write_some(struct store *s, const struct store_beat *b, size_t n, struct fault *f)
{
	int r = 0;

	if (sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return fail(s, f, "database");
	for (size_t i = 0; i < n && r == 0; i++)
		r = write_beat(s, &b[i], f);
	if (sqlite3_exec(s->db, r == 0 ? "COMMIT" : "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK &&
		r == 0) {
		r = fail(s, f, "database");
		(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	}
	return r;
}

int store_beats(struct store *s, const struct store_beat *beats, size_t n, struct fault *f)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i += ROWS_AT_ONCE)
		r = write_some(s, beats + i, n - i < ROWS_AT_ONCE ? n - i : ROWS_AT_ONCE, f);
	return r;
}

int store_checkpoint(struct store *s, struct fault *f)
{
	struct stat st;
	int r;

	if (stat(s->log_path, &st) < 0 || st.st_size < LOG_BYTES)
		return 0;
	r = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return r == SQLITE_OK || r == SQLITE_BUSY ? 0 : fail(s, f, "database");
}

int store_delete(struct store *s, const char *id, struct fault *f)
{
	sqlite3_bind_text(s->delete, 1, id, -1, SQLITE_STATIC);
	return run(s, s->delete, f);
}
