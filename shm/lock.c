/*
 * shm/lock.c - the robust lock, the redo journal, and the one function that repairs after a death.
 *
 * The repair may itself be killed anywhere: applying the journal twice gives the same words, and
 * the lock only becomes consistent at the end, so the next taker starts the repair from the
 * beginning. Model-checked: tests/model/lock.pml.
 */
#include "shm/lock.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "shm/layout.h"

/* The table whose lock this thread holds, 0 = none: the word alone can't tell a lock that is asked
 * for twice from one whose word was written over with our own number. */
static __thread ino_t held;

/* Offsets that a journal may name: the shared block behind the lock, the generations, the
 * commands. */
static bool journaled_word(const struct pt *pt, uint64_t offset, uint32_t width)
{
	const struct seg_region *r = pt->header.region;
	uint64_t from = r[SEG_SHARED].offset + offsetof(struct seg_shared, holder);
	uint64_t to = r[SEG_DAEMONS].offset;

	return (width == 4 || width == 8) && offset % width == 0 && offset >= from &&
		offset + width <= to;
}

void seg_journal_apply(struct pt *pt)
{
	struct seg_journal *j = &seg_shared(pt)->journal;
	uint32_t n = atomic_load_explicit(&j->n, memory_order_acquire);

	for (uint32_t i = 0; i < n && i < SEG_JOURNAL_MAX; i++) {
		/* checked and used: read once */
		uint32_t offset = atomic_load_explicit(&j->e[i].offset, memory_order_relaxed);
		uint32_t width = atomic_load_explicit(&j->e[i].width, memory_order_relaxed);
		uint64_t value = atomic_load_explicit(&j->e[i].value, memory_order_relaxed);
		void *word = pt->base + offset;

		if (!journaled_word(pt, offset, width))
			continue;
		if (width == 8)
			atomic_store_explicit(
				(_Atomic uint64_t *)word, value, memory_order_release);
		else
			atomic_store_explicit(
				(_Atomic uint32_t *)word, (uint32_t)value, memory_order_release);
	}
	atomic_store_explicit(&j->n, 0, memory_order_release);
}

void seg_change(struct pt *pt, const struct seg_change *change, unsigned n)
{
	struct seg_journal *j = &seg_shared(pt)->journal;

	for (unsigned i = 0; i < n && i < SEG_JOURNAL_MAX; i++) {
		uint32_t offset = (uint32_t)((const volatile unsigned char *)change[i].word -
			pt->base);

		/* release: none of these may be stored before the clearing of the journal that came
		 * before */
		atomic_store_explicit(&j->e[i].offset, offset, memory_order_release);
		atomic_store_explicit(&j->e[i].width, change[i].width, memory_order_release);
		atomic_store_explicit(&j->e[i].value, change[i].value, memory_order_release);
	}
	atomic_store_explicit(&j->n, n, memory_order_release); /* the commit */
	seg_journal_apply(pt);
}

/* The holder died: finish what it had committed, undo what it had only begun. Holding the lock. */
static void recover(struct pt *pt)
{
	seg_journal_apply(pt);
	for (uint32_t i = 0; i < PT_COMMANDS; i++) {
		struct seg_command *c = seg_at(pt, SEG_COMMANDS, i);

		if (atomic_load_explicit(&c->state, memory_order_acquire) == SEG_FILLING)
			atomic_store_explicit(&c->state, SEG_FREE, memory_order_release);
	}
	atomic_store_explicit(&seg_shared(pt)->holder, 0, memory_order_relaxed);
	pthread_mutex_consistent(&seg_shared(pt)->lock);
}

/* Bytes that are no initialised lock of ours could send glibc anywhere; the type word must be what
 * our own initialisation makes of it. */
static bool looks_like_lock(const pthread_mutex_t *m)
{
	const int kind = 128 /* process-shared */ + 16 /* robust */ + PTHREAD_MUTEX_ERRORCHECK;

	return m->__data.__kind == kind;
}

static void block_signals(const struct pt *pt, sigset_t *before)
{
	static const int held_back[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGALRM, SIGTSTP,
		SIGTTIN, SIGTTOU };
	sigset_t set;

	if (pt->access != PT_CLIENT)
		return;
	sigemptyset(&set);
	for (unsigned i = 0; i < sizeof(held_back) / sizeof(held_back[0]); i++)
		sigaddset(&set, held_back[i]);
	pthread_sigmask(SIG_BLOCK, &set, before);
}

static void restore_signals(const struct pt *pt, const sigset_t *before)
{
	if (pt->access == PT_CLIENT)
		pthread_sigmask(SIG_SETMASK, before, NULL);
}

/* ThreadSanitizer knows every way to take a mutex but clocklock, and is told here. */
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(UNDER_TSAN)
#include <sanitizer/tsan_interface.h>
#define tsan_pre_lock(m) __tsan_mutex_pre_lock(m, 0)
#define tsan_post_lock(m, took) \
	__tsan_mutex_post_lock(m, (took) ? 0 : __tsan_mutex_try_lock_failed, 0)
#else
#define tsan_pre_lock(m)	(void)(m)
#define tsan_post_lock(m, took) (void)(took)
#endif

static int take(pthread_mutex_t *m, unsigned wait_ms)
{
	struct timespec until;

	if (wait_ms == 0)
		return -pthread_mutex_trylock(m);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	tsan_pre_lock(m);
	int r = -pthread_mutex_clocklock(m, CLOCK_MONOTONIC, &until);
	tsan_post_lock(m, r == 0 || r == -EOWNERDEAD);
	return r;
}

static _Atomic uint32_t *lock_word(const struct pt *pt)
{
	return (_Atomic uint32_t *)(void *)&seg_shared(pt)->lock.__data.__lock;
}

/* Does a process, named by one of its threads, have this table mapped? What can't be read counts as
 * yes. */
static bool has_mapped(const struct pt *pt, pid_t tid)
{
	char path[64], line[512], inode[32];
	bool found = false;
	FILE *maps;

	(void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)tid);
	(void)snprintf(inode, sizeof(inode), " %llu ", (unsigned long long)pt->ino);
	maps = fopen(path, "re");
	if (!maps)
		return true;
	while (!found && fgets(line, sizeof(line), maps))
		found = strstr(line, inode) != NULL && strstr(line, SEG_DIR) != NULL;
	found |= ferror(maps) != 0;
	(void)fclose(maps);
	return found;
}

pid_t pt_lock_lost_owner(const struct pt *pt, bool look_closer)
{
	uint32_t tid = atomic_load(lock_word(pt)) & FUTEX_TID_MASK;

	if (tid == 0)
		return 0;
	if ((pid_t)tid == (pid_t)syscall(SYS_gettid))
		return held == pt->ino ? 0 : (pid_t)tid;
	if (syscall(SYS_tkill, (pid_t)tid, 0) < 0 && errno == ESRCH)
		return (pid_t)tid;
	return look_closer && !has_mapped(pt, (pid_t)tid) ? (pid_t)tid : 0;
}

/* Someone wrote over the word, or its owner unmapped the table before it died: no kernel will ever
 * say so. Do what it does for a holder that dies: the next taker gets EOWNERDEAD, and repairs. */
static bool disown(struct pt *pt, bool look_closer)
{
	_Atomic uint32_t *word = lock_word(pt);
	uint32_t seen = atomic_load(word);
	pid_t lost = pt_lock_lost_owner(pt, look_closer);

	if (lost == 0 || (seen & FUTEX_TID_MASK) != (uint32_t)lost)
		return false;
	if (atomic_compare_exchange_strong(word, &seen, (seen & FUTEX_WAITERS) | FUTEX_OWNER_DIED))
		(void)syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
	return true;
}

void pt_lock_heal(struct pt *pt)
{
	if (pt->access != PT_READER)
		(void)disown(pt, false);
}

/* EDEADLK: the word names this thread. */
static int take_or_disown(struct pt *pt, unsigned wait_ms)
{
	pthread_mutex_t *m = &seg_shared(pt)->lock;
	int r = take(m, 0);

	if ((r == -EBUSY || r == -EDEADLK) && disown(pt, false))
		r = take(m, 0);
	if (r == -EBUSY && wait_ms)
		r = take(m, wait_ms);
	if (r == -ETIMEDOUT && disown(pt, true))
		r = take(m, wait_ms);
	return r;
}

int pt_lock(struct pt *pt, unsigned wait_ms)
{
	struct seg_shared *s = seg_shared(pt);
	sigset_t before;
	int r;

	if (pt->access == PT_READER)
		return -EPERM;
	if (!looks_like_lock(&s->lock))
		return -EBADMSG;
	block_signals(pt, &before);
	r = take_or_disown(pt, wait_ms);
	if (r == -EOWNERDEAD) {
		recover(pt);
		r = 0;
	}
	if (r < 0) {
		restore_signals(pt, &before);
		return r;
	}
	pt->signals = before;
	held = pt->ino;
	atomic_store_explicit(&s->holder, (int32_t)getpid(), memory_order_relaxed);
	return 0;
}

void pt_unlock(struct pt *pt)
{
	struct seg_shared *s = seg_shared(pt);

	atomic_store_explicit(&s->holder, 0, memory_order_relaxed);
	held = 0;
	pthread_mutex_unlock(&s->lock);
	restore_signals(pt, &pt->signals);
}

pid_t pt_lock_holder(const struct pt *pt)
{
	return atomic_load_explicit(&seg_shared(pt)->holder, memory_order_relaxed);
}
