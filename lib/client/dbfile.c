/* client/dbfile.c - a look at the registry's database (client/dbfile.h). */
#include "client/dbfile.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/library.h"
#include "base/ownfile.h"

#define LIBRARY "libsqlite3.so.0"
#define URI_MAX (3 * PATH_MAX + 64)

struct sqlite {
	__typeof__(&sqlite3_open_v2) open_v2;
	__typeof__(&sqlite3_close) close;
	__typeof__(&sqlite3_prepare_v2) prepare_v2;
	__typeof__(&sqlite3_step) step;
	__typeof__(&sqlite3_column_int64) column_int64;
	__typeof__(&sqlite3_finalize) finalize;
	__typeof__(&sqlite3_errmsg) errmsg;
};

static bool load(struct sqlite *db)
{
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	return library && library_find(library, "sqlite3_open_v2", &db->open_v2) &&
		library_find(library, "sqlite3_close", &db->close) &&
		library_find(library, "sqlite3_prepare_v2", &db->prepare_v2) &&
		library_find(library, "sqlite3_step", &db->step) &&
		library_find(library, "sqlite3_column_int64", &db->column_int64) &&
		library_find(library, "sqlite3_finalize", &db->finalize) &&
		library_find(library, "sqlite3_errmsg", &db->errmsg);
}

/* Where there is no write-ahead log, SQLite would make one, for as little as a look: the file is
 * then called immutable. */
static const char *uri(const char *path, char buf[static URI_MAX])
{
	char wal[PATH_MAX], *to = buf + sprintf(buf, "file:");

	for (const char *p = path; *p && to < buf + URI_MAX - 32; p++)
		to += sprintf(to, strchr("%?#", *p) ? "%%%02X" : "%c", (unsigned char)*p);
	if (snprintf(wal, sizeof(wal), "%s-wal", path) < (int)sizeof(wal) && access(wal, F_OK) < 0)
		strcpy(to, "?immutable=1");
	return buf;
}

static int count_tables(const struct sqlite *db, sqlite3 *handle, int64_t *ret)
{
	sqlite3_stmt *statement;
	int r = db->prepare_v2(handle, "SELECT count(*) FROM sqlite_master WHERE type = 'table'",
		-1, &statement, NULL);

	if (r != SQLITE_OK)
		return r;
	r = db->step(statement);
	if (r == SQLITE_ROW)
		*ret = db->column_int64(statement, 0);
	(void)db->finalize(statement);
	return r == SQLITE_ROW ? SQLITE_OK : r;
}

static void look_inside(const char *path, struct dbfile *ret)
{
	char name[URI_MAX];
	struct sqlite db;
	sqlite3 *handle;
	int r;

	if (!load(&db)) {
		snprintf(ret->message, sizeof(ret->message), "No SQLite is here to look into it");
		return;
	}
	r = db.open_v2(uri(path, name), &handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
	if (r == SQLITE_OK)
		r = count_tables(&db, handle, &ret->tables);
	ret->status = r == SQLITE_OK			   ? "healthy"
		: r == SQLITE_CANTOPEN || r == SQLITE_PERM ? "inaccessible"
							   : "error";
	if (r == SQLITE_OK)
		snprintf(ret->message, sizeof(ret->message), "Database is accessible");
	else
		snprintf(ret->message, sizeof(ret->message), "Database: %s", db.errmsg(handle));
	(void)db.close(handle);
}

void dbfile_look(const char *path, struct dbfile *ret)
{
	struct fault f = { "" };
	struct stat sb;

	*ret = (struct dbfile){ .status = "unknown",
		.message = "Database is not known",
		.size_bytes = -1,
		.tables = -1 };
	if (!path)
		return;
	if (stat(path, &sb) < 0) {
		ret->status = errno == ENOENT ? "missing" : "inaccessible";
		snprintf(ret->message, sizeof(ret->message), "Database: %s", strerror(errno));
	} else if (!S_ISREG(sb.st_mode)) {
		ret->status = "inaccessible";
		snprintf(ret->message, sizeof(ret->message), "Database is not a regular file");
	} else if (ownfile_database(path, &f) < 0) { /* the registry, too, refuses it */
		ret->status = "inaccessible";
		snprintf(ret->message, sizeof(ret->message), "Database: %s", f.text);
	} else {
		ret->size_bytes = sb.st_size;
		look_inside(path, ret);
	}
}
