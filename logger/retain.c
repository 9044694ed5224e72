/*
 * logger/retain.c - which file of a shelf goes next (logger/shelf.h).
 *
 * Limits on bytes are for what lies on the disk in the end, so a rotated file is compressed before
 * it counts. A few may wait for that; where more do (a process that writes faster than it can be
 * compressed), or compressing fails (a full disk), the others count as they are. Archives go before
 * what is raw, the oldest first, and the newest raw file never goes for its bytes.
 */
#include <stddef.h>

#include "base/clock.h"
#include "logger/shelf.h"
#include "logger/logger.h"

#define WAITING_MAX 8u /* raw files of a log that wait to be compressed */

const struct shelf_file *retain_oldest(const struct shelf *sh)
{
	for (size_t i = 0; i < sh->n; i++)
		if (sh->files[i].state != SHELF_MARKED)
			return &sh->files[i];
	return NULL;
}

/* The index of the first raw file that is spared; all raw ones behind it are, too. */
static size_t first_spared(const struct shelf *sh)
{
	size_t i = sh->n, left = sh->stuck ? 1 : WAITING_MAX;

	while (i > 0 && left > 0)
		left -= sh->files[--i].state == SHELF_RAW;
	return i;
}

static uint64_t counted_bytes(const struct shelf *sh)
{
	uint64_t ret = sh->archive_file_bytes;

	for (size_t i = 0, n = sh->stuck ? sh->n : first_spared(sh); i < n; i++)
		ret += sh->files[i].state == SHELF_RAW ? sh->files[i].raw_bytes : 0;
	return ret;
}

/* Which of this shelf would go for its bytes. */
static struct shelf_file *expendable(const struct shelf *sh)
{
	size_t spared = first_spared(sh);

	for (size_t i = 0; i < sh->n; i++) {
		struct shelf_file *f = &sh->files[i];

		if (f->state == SHELF_ARCHIVED || (f->state == SHELF_RAW && i < spared))
			return f;
	}
	return NULL;
}

static bool goes_before(const struct shelf_file *a, const struct shelf_file *b)
{
	if (a->state != b->state)
		return a->state == SHELF_ARCHIVED;
	return a->last_real_ns < b->last_real_ns;
}

static const struct shelf *sibling(const struct shelf *sh)
{
	if (!sh->st)
		return NULL;
	if (sh->st->main != sh->st)
		return &sh->st->main->shelf;
	return sh->st->err ? &sh->st->err->shelf : NULL;
}

/* Its limit on bytes is for both files of a process. */
static struct shelf_file *over_bytes(const struct shelf *sh)
{
	const struct shelf *other = sibling(sh);
	struct shelf_file *f = expendable(sh), *theirs = other ? expendable(other) : NULL;

	if (!f || !sh->keep_bytes ||
		counted_bytes(sh) + (other ? counted_bytes(other) : 0) <= sh->keep_bytes)
		return NULL;
	return theirs && goes_before(theirs, f) ? NULL : f;
}

struct shelf_file *retain_next(const struct shelf *sh, uint64_t now_real_ns)
{
	const struct shelf_file *f = retain_oldest(sh);
	size_t kept = 0;

	for (size_t i = 0; i < sh->n; i++)
		kept += sh->files[i].state != SHELF_MARKED;
	if (f &&
		((sh->keep_files && kept > sh->keep_files) ||
			(sh->keep_age_s &&
				f->last_real_ns + sh->keep_age_s * NS_PER_SEC <= now_real_ns)))
		return &sh->files[f - sh->files];
	return over_bytes(sh);
}

struct shelf_file *retain_of_all(struct logger *lg, struct shelf **ret)
{
	struct shelf_file *first = NULL;
	uint64_t sum = 0;

	if (!lg->total_bytes)
		return NULL;
	for (size_t i = 0; i < shelf_count(lg); i++) {
		struct shelf *sh = shelf_at(lg, i);
		struct shelf_file *f = sh ? expendable(sh) : NULL;

		if (!sh)
			continue;
		sum += counted_bytes(sh) + (sh->st ? sh->st->size : 0);
		if (f && (!first || goes_before(f, first))) {
			first = f;
			*ret = sh;
		}
	}
	return sum > lg->total_bytes ? first : NULL;
}
