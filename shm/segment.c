/*
 * shm/segment.c - making, finding, checking and leaving a segment.
 *
 * The name in /dev/shm is what shm_open() would use; open(2) is called directly because a new
 * segment is completed under a temporary name and then renamed over the old one, so that nobody
 * ever attaches to half of one.
 */
#include "shm/layout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/procfs.h"
#include "base/str.h"

/* The regions that an access may write are contiguous ranges [first, last]. */
static const struct {
	enum seg_region_id first, last;
} own_range[] = {
	[PT_GUARDIAN] = { SEG_DAEMONS, SEG_GUARDIAN_EVENTS },
	[PT_SPAWNER] = { SEG_IDENTS, SEG_SPAWNER_EVENTS },
	[PT_MONITOR] = { SEG_HEALTHS, SEG_MONITOR_EVENTS },
	[PT_LOGGER] = { SEG_LOGS, SEG_LOGGER_EVENTS },
};

static int make_writable(const struct pt *pt, enum seg_region_id first, enum seg_region_id last)
{
	const struct seg_region *r = pt->header.region;
	uint64_t from = r[first].offset;
	uint64_t to = last + 1 < SEG_REGION_MAX ? r[last + 1].offset : pt->bytes;

	return mprotect(pt->base + from, to - from, PROT_READ | PROT_WRITE) < 0 ? -errno : 0;
}

static int protect_for(const struct pt *pt)
{
	int r = 0;

	if (pt->access == PT_READER)
		return 0;
	r = make_writable(pt, SEG_SHARED, SEG_COMMANDS);
	if (r == 0 && pt->access <= PT_LOGGER)
		r = make_writable(pt, own_range[pt->access].first, own_range[pt->access].last);
	return r;
}

static void unmap(const struct pt *pt)
{
	seg_forget_range(pt->base);
	munmap(pt->base, pt->bytes);
}

/* Map fd, check everything; on success the attachment owns fd. */
static int attach_file(int fd, enum pt_access access, struct pt **ret, struct fault *f)
{
	struct stat st;
	struct pt *pt;
	int r;

	if (fstat(fd, &st) < 0)
		return fault_errno(f, -errno, "cannot look at the segment");
	if (!S_ISREG(st.st_mode))
		return fault_set(f, -EBADMSG, "it is not a regular file");
	if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		return fault_set(f, -EPERM,
			"it belongs to user %u with mode %03o instead of user %u with mode 600",
			st.st_uid, st.st_mode & 0777, geteuid());
	if (st.st_size < (off_t)SEG_PAGE)
		return fault_set(f, -EBADMSG, "it is cut short: %lld bytes", (long long)st.st_size);
	pt = calloc(1, sizeof(*pt));
	if (!pt)
		return fault_errno(f, -ENOMEM, "cannot attach");
	pt->bytes = (uint64_t)st.st_size;
	pt->access = access;
	pt->dev = st.st_dev;
	pt->ino = st.st_ino;
	pt->base = mmap(NULL, pt->bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (pt->base == MAP_FAILED) {
		r = fault_errno(f, -errno, "cannot map the segment");
		goto out;
	}
	seg_note_range(pt->base, pt->bytes);
	memcpy(&pt->header, pt->base, sizeof(pt->header));
	r = seg_check(&pt->header, pt->bytes, f);
	if (r == 0 && access <= PT_CLIENT && !pt_pids_are_ours(pt))
		r = fault_set(f, -EXDEV,
			"it was made in another PID namespace; only reading is possible from here");
	if (r == 0 && (r = protect_for(pt)) < 0)
		fault_errno(f, r, "cannot make the segment writable");
	if (r < 0)
		goto out;
	pt->fd = fd;
	*ret = pt;
	return 0;
out:
	if (pt->base != MAP_FAILED)
		unmap(pt);
	free(pt);
	return r;
}

int pt_attach_fd(int fd, enum pt_access access, struct pt **ret, struct fault *f)
{
	struct fault why = { "" };
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	int r;

	if (own < 0)
		return fault_errno(f, -errno, "cannot use the segment's descriptor");
	r = attach_file(own, access, ret, &why);
	if (r < 0) {
		io_close(&own);
		return fault_set(
			f, r, "the segment that was handed over is unusable: %s", why.text);
	}
	return 0;
}

int pt_attach_as(const struct home *h, enum pt_access access, struct pt **ret, struct fault *f)
{
	struct fault why = { "" };
	struct pt *pt = NULL;
	char path[128];
	int fd, r;

	seg_path(h, path);
	/* O_NONBLOCK: opening a FIFO that someone put there must not wait for a writer */
	fd = io_open(AT_FDCWD, path,
		(access == PT_READER ? O_RDONLY : O_RDWR) | O_NONBLOCK | O_NOCTTY, 0);
	if (fd == -ENOENT)
		return fault_set(f, -ENOENT, "no instance of tend runs for %s (there is no %s)",
			h->path, path);
	if (fd < 0)
		return fault_errno(f, fd, "cannot open the segment %s", path);
	r = attach_file(fd, access, &pt, &why);
	if (r < 0 || !pt) {
		io_close(&fd);
		return fault_set(
			f, r, "the segment %s of %s is unusable: %s", path, h->path, why.text);
	}
	if (pt->header.instance != h->id) {
		r = fault_set(f, -EBADMSG, "the segment %s belongs to another home, %s", path,
			pt->header.home);
		pt_detach(pt);
		return r;
	}
	*ret = pt;
	return 0;
}

int pt_attach(const char *home, struct pt **ret, struct fault *f)
{
	struct home h = HOME_INIT;
	int r = home_open(home, HOME_READ, &h, f);

	if (r < 0)
		return r;
	r = pt_attach_as(&h, PT_READER, ret, f);
	home_close(&h);
	return r;
}

void pt_detach(struct pt *pt)
{
	if (!pt)
		return;
	unmap(pt);
	io_close(&pt->fd);
	free(pt);
}

static int init_lock(pthread_mutex_t *m)
{
	pthread_mutexattr_t a;
	int r = pthread_mutexattr_init(&a);

	if (r == 0)
		r = pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	if (r == 0)
		r = pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	if (r == 0)
		r = pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK);
	if (r == 0)
		r = pthread_mutex_init(m, &a);
	pthread_mutexattr_destroy(&a);
	return -r;
}

static void fill_header(struct seg_header *hd, const struct home *h, uint32_t capacity)
{
	hd->abi = SEG_ABI;
	hd->header_bytes = sizeof(*hd);
	hd->fingerprint = seg_fingerprint();
	hd->created_real_ns = clock_real_ns();
	hd->pid_namespace = procfs_pid_namespace();
	hd->instance = h->id;
	hd->uid = geteuid();
	hd->capacity = capacity;
	hd->commands = PT_COMMANDS;
	hd->regions = SEG_REGION_MAX;
	if (procfs_boot_id(hd->boot_id) < 0)
		hd->boot_id[0] = 0;
	str_copy(hd->home, sizeof(hd->home), h->path);
	hd->total_bytes = seg_plan(capacity, hd->region);
}

/* Take over what an older segment says. Its owners write their blocks again when they notice
 * (pt_replaced()); until then, and for owners that are dead, these copies are the truth. Commands
 * are not taken over: their senders post them again. */
static void inherit(struct pt *pt, const struct pt *from)
{
	uint32_t n = pt_high(from) < pt->header.capacity ? pt_high(from) : pt->header.capacity;
	struct seg_shared *s = seg_shared(pt);
	static const enum seg_region_id events[] = { SEG_GUARDIAN_EVENTS, SEG_SPAWNER_EVENTS,
		SEG_MONITOR_EVENTS, SEG_LOGGER_EVENTS };
	struct pt_row row;
	struct pt_daemon d;
	struct pt_monitor m;
	uint32_t used = 0;

	for (unsigned role = 0; role < ROLE_MAX; role++) {
		if (pt_read_daemon(from, role, &d) == 0) {
			/* the old one was; this one is not */
			d.flags &= ~(uint32_t)PT_DAEMON_REPLACED;
			latch_store(seg_at(pt, SEG_DAEMONS, role), &d, sizeof(d));
		}
	}
	if (pt_read_monitor(from, &m) == 0)
		latch_store(seg_at(pt, SEG_MONITOR, 0), &m, sizeof(m));
	for (uint32_t i = 0; i < n; i++) {
		_Atomic uint32_t *gen = seg_at(pt, SEG_GENS, i);

		/* free or nonsense; gens that were given out are not given out again */
		if (pt_read(from, i, &row) < 0) {
			atomic_store(gen, (pt_gen(from, i) + 1) & ~1u);
			continue;
		}
		latch_store(seg_at(pt, SEG_IDENTS, i), &row.ident, sizeof(row.ident));
		latch_store(seg_at(pt, SEG_LIVES, i), &row.life, sizeof(row.life));
		latch_store(seg_at(pt, SEG_HEALTHS, i), &row.health, sizeof(row.health));
		latch_store(seg_at(pt, SEG_LOGS, i), &row.log, sizeof(row.log));
		latch_store(seg_at(pt, SEG_EXITS, i), &row.exit, sizeof(row.exit));
		atomic_store(((_Atomic int32_t *)seg_at(pt, SEG_PIDS, i)), pt_pid_read(from, i));
		atomic_store(gen, row.gen);
		used++;
	}
	atomic_store(&s->used, used);
	atomic_store(&s->high, n);
	for (unsigned e = 0; e < sizeof(events) / sizeof(events[0]); e++)
		memcpy(seg_at(pt, events[e], 0), seg_at(from, events[e], 0),
			(size_t)pt->header.region[events[e]].stride *
				pt->header.region[events[e]].count);
}

/* What killed guardians have left of this table while they made it. Whoever makes it holds the
 * role's lock, so none is at work. */
static void sweep_unfinished(const char *path)
{
	const char *stem = path + sizeof(SEG_DIR); /* behind the slash */
	size_t length = strlen(stem);
	DIR *dir = opendir(SEG_DIR);
	const struct dirent *e;
	struct stat st;

	while (dir && (e = readdir(dir)))
		if (strncmp(e->d_name, stem, length) == 0 &&
			strncmp(e->d_name + length, ".new", 4) == 0 &&
			fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			st.st_uid == geteuid() && !S_ISDIR(st.st_mode))
			(void)unlinkat(dirfd(dir), e->d_name, 0);
	if (dir)
		(void)closedir(dir);
}

/* Under a name that nobody can know before: a fixed one could be taken by another user. */
static int create_unfinished(const char *path, char tmp[static 160])
{
	uint64_t chance;
	int fd = -EEXIST;

	for (unsigned tries = 0; tries < 8 && fd == -EEXIST; tries++) {
		if (getrandom(&chance, sizeof(chance), 0) != (ssize_t)sizeof(chance))
			return -EIO;
		(void)snprintf(tmp, 160, "%s.new-%016llx", path, (unsigned long long)chance);
		fd = io_open(AT_FDCWD, tmp, O_RDWR | O_CREAT | O_EXCL, 0600);
	}
	return fd;
}

static int create_file(const struct home *h, uint64_t bytes, char tmp[static 160], struct fault *f)
{
	char path[128];
	int fd, r;

	seg_path(h, path);
	sweep_unfinished(path);
	fd = create_unfinished(path, tmp);
	if (fd < 0 && access(SEG_DIR, F_OK) < 0)
		return fault_set(f, fd,
			"there is no %s for the process table; mount it: mount -t tmpfs tmpfs %s",
			SEG_DIR, SEG_DIR);
	if (fd < 0)
		return fault_errno(f, fd, "cannot make the segment %s", tmp);
	/* Reserve every page now: on a full tmpfs a page that is missing later is a SIGBUS. */
	do
		r = -posix_fallocate(fd, 0, (off_t)bytes);
	while (r == -EINTR);
	if (r < 0) {
		if (r == -EFBIG)
			fault_set(f, r,
				"cannot make the process table of %llu bytes in %s: the limit on the size of files (ulimit -f) is below it",
				(unsigned long long)bytes, SEG_DIR);
		else
			fault_errno(f, r, "cannot reserve %llu bytes in %s for the process table",
				(unsigned long long)bytes, SEG_DIR);
		unlink(tmp);
		io_close(&fd);
		return r;
	}
	return fd;
}

int pt_create(const struct home *h, uint32_t capacity, const struct pt *from, struct pt **ret,
	struct fault *f)
{
	struct pt build = { .fd = -1, .access = PT_GUARDIAN }, *pt = NULL;
	char tmp[160], path[128];
	struct stat st;
	int fd, r;

	if (capacity < 1 || capacity > PT_CAPACITY_MAX)
		return fault_set(f, -EINVAL, "a table of %u processes: the capacity is 1 to %u",
			capacity, PT_CAPACITY_MAX);
	fill_header(&build.header, h, capacity);
	build.bytes = build.header.total_bytes;
	fd = create_file(h, build.bytes, tmp, f);
	if (fd < 0)
		return fd;
	build.base = mmap(NULL, build.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (build.base == MAP_FAILED) {
		r = fault_errno(f, -errno, "cannot map the segment");
		goto out;
	}
	r = init_lock(&seg_shared(&build)->lock);
	if (r < 0) {
		fault_errno(f, r, "cannot make the table's lock");
		goto out;
	}
	atomic_store(&seg_shared(&build)->next_ticket, 1);
	if (from)
		inherit(&build, from);
	memcpy(build.base, &build.header, sizeof(build.header)); /* magic still 0 */
	atomic_store_explicit(
		&((struct seg_header *)(void *)build.base)->magic, SEG_MAGIC, memory_order_release);
	seg_path(h, path);
	r = attach_file(fd, PT_GUARDIAN, &pt, f);
	if (r < 0)
		goto out;
	if (rename(tmp, path) < 0) {
		r = -errno;
		if (lstat(path, &st) == 0 && st.st_uid != geteuid())
			fault_set(f, r,
				"cannot name the segment %s: what lies there belongs to user %u",
				path, st.st_uid);
		else
			fault_errno(f, r, "cannot name the segment %s", path);
		pt_detach(pt);
		fd = -1;
		goto out;
	}
	*ret = pt;
out:
	if (build.base != MAP_FAILED)
		munmap(build.base, build.bytes);
	if (r < 0) {
		unlink(tmp);
		io_close(&fd);
	}
	return r;
}

int pt_unlink(const struct home *h)
{
	char path[128];

	seg_path(h, path);
	return unlink(path) < 0 ? -errno : 0;
}

bool pt_is_current(const struct pt *pt, const struct home *h)
{
	struct stat st;
	char path[128];

	seg_path(h, path);
	if (lstat(path, &st) < 0)
		/* a look that failed says nothing: a table must not be made again for it */
		return errno != ENOENT;
	return st.st_dev == pt->dev && st.st_ino == pt->ino;
}

bool pt_is_stale(const struct pt *pt, const struct home *h)
{
	char path[PT_PATH_MAX];

	pt_path(h, path);
	return pt_replaced(pt) || (access(path, F_OK) == 0 && !pt_is_current(pt, h));
}

bool pt_is_intact(const struct pt *pt)
{
	struct stat st;

	if (fstat(pt->fd, &st) == 0 && (uint64_t)st.st_size != pt->bytes)
		return false;
	return memcmp(pt->base, &pt->header, sizeof(pt->header)) == 0;
}

int pt_fd(const struct pt *pt)
{
	return pt->fd;
}
