/*
 * shm/layout.h - the bytes of the segment. INCLUDED BY shm/ and tests/ only; everybody else uses
 * shm/table.h. Documented for other languages in shm/README.md. Whoever changes anything here
 * increments SEG_ABI.
 *
 *   page 0        struct seg_header, immutable once published; the magic is stored last
 *   then          regions, each on a page of its own, in the order of enum seg_region_id; the
 *                 header says where each begins
 *
 * All numbers are in the machine's own byte order; there are no pointers. Regions of one writer lie
 * side by side, so that a role maps a few contiguous ranges writable and the rest read-only.
 */
#ifndef SHM_LAYOUT_H
#define SHM_LAYOUT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/home.h"
#include "shm/events.h"
#include "shm/latch.h"
#include "shm/owner.h"
#include "shm/ring.h"
#include "shm/table.h"

#define SEG_MAGIC 0x31484d53444e4554ull /* "TENDSMH1" read as little-endian bytes */
#define SEG_ABI	  5u
#define SEG_PAGE  4096u
#define SEG_DIR	  "/dev/shm" /* where shm_open() looks, too; rename() needs the path */

#define SEG_EVENTS_SPAWNER  4096u
#define SEG_EVENTS_GUARDIAN 256u
#define SEG_EVENTS_MONITOR  1024u
#define SEG_EVENTS_LOGGER   512u

/* make LAYOUT=other: a build whose table this one can't read, to try upgrades with */
#ifdef TEND_OTHER_LAYOUT
#undef SEG_ABI
#undef SEG_EVENTS_GUARDIAN
#define SEG_ABI		    1000u
#define SEG_EVENTS_GUARDIAN 300u /* so that all that follows lies elsewhere, too */
#endif

enum seg_region_id {  /* writer */
	SEG_SHARED,   /* every writer: lock, counters, journal */
	SEG_GENS,     /* lock holder: one word a row */
	SEG_COMMANDS, /* clients and the daemon meant */
	SEG_DAEMONS,  /* guardian from here */
	SEG_EXITS,
	SEG_GUARDIAN_EVENTS,
	SEG_IDENTS, /* spawner from here */
	SEG_LIVES,
	SEG_PIDS, /* the kernel, at the spawner's clone3() */
	SEG_SPAWNER_EVENTS,
	SEG_HEALTHS, /* monitor from here */
	SEG_MONITOR,
	SEG_MONITOR_EXITS,
	SEG_MONITOR_EVENTS,
	SEG_LOGS, /* logger from here */
	SEG_LOGGER_EXITS,
	SEG_LOGGER_EVENTS,
	SEG_REGION_MAX
};

struct seg_region {
	uint64_t offset; /* from the start of the segment, a multiple of SEG_PAGE */
	uint32_t stride; /* bytes from one element to the next */
	uint32_t count;	 /* elements */
};

struct seg_header {
	_Atomic uint64_t magic;
	uint32_t abi;
	uint32_t header_bytes;
	/* sizes and alignments of everything here, pthread_mutex_t included */
	uint64_t fingerprint;
	uint64_t total_bytes;
	uint64_t created_real_ns;
	uint64_t pid_namespace; /* inode of /proc/self/ns/pid of the creator */
	uint64_t instance;	/* hash of the home's path */
	uint32_t uid;
	uint32_t capacity;
	uint32_t commands;
	uint32_t regions;
	char boot_id[40];
	char home[512]; /* for people; cut if longer */
	struct seg_region region[SEG_REGION_MAX];
};
_Static_assert(sizeof(struct seg_header) == 72 + 40 + 512 + 16 * SEG_REGION_MAX,
	"segment format changed: increment SEG_ABI");
_Static_assert(sizeof(struct seg_header) <= SEG_PAGE, "the header fits one page");

#define SEG_JOURNAL_MAX 8u

/* redo: filled, committed by the store of n, applied, cleared (shm/lock.c) */
struct seg_journal {
	_Atomic uint32_t n;
	uint32_t pad;
	struct {
		_Atomic uint32_t offset; /* of the word, from the start of the segment */
		_Atomic uint32_t width;	 /* 4 or 8 */
		_Atomic uint64_t value;
	} e[SEG_JOURNAL_MAX];
};

struct seg_shared {
	_Alignas(64) _Atomic uint32_t changes; /* futex: the change counter */
	_Alignas(64) pthread_mutex_t lock;     /* robust, process-shared, error-checking */
	/* pid of the lock's holder, for messages; aligned: the same place whatever the size of a
	 * mutex */
	_Alignas(64) _Atomic int32_t holder;
	_Atomic uint32_t used; /* rows in use */
	_Atomic uint32_t high; /* all rows in use lie below */
	uint32_t pad;
	_Atomic uint64_t next_ticket;
	_Alignas(64) struct seg_journal journal;
};
_Static_assert(sizeof(pthread_mutex_t) == 40 || sizeof(pthread_mutex_t) == 48,
	"glibc on x86-64 and aarch64");

enum seg_command_state {
	SEG_FREE,
	SEG_FILLING,
	SEG_READY,
	SEG_RUNNING,
	SEG_DONE,
	SEG_COMMAND_STATE_MAX
};

struct seg_command {
	_Atomic uint32_t state; /* futex */
	uint32_t uid;
	_Atomic uint64_t ticket;
	uint64_t start_ticks;	      /* of the client */
	int32_t pid;		      /* the client */
	_Atomic uint32_t done_boot_s; /* when it was answered */
	_Atomic uint64_t progress;
	struct pt_request req;
	struct pt_answer answer;
};

struct seg_ring { /* element 0 of an event region; the events follow in elements 1 .. count - 1 */
	_Atomic uint64_t head;
	uint64_t pad[15];
};

#define SEG_ASSERT_SIZE(type, bytes) \
	_Static_assert(sizeof(type) == (bytes), "segment format changed: increment SEG_ABI")
SEG_ASSERT_SIZE(struct pt_ident, 344);
SEG_ASSERT_SIZE(struct pt_life, 136);
SEG_ASSERT_SIZE(struct pt_health, 456);
SEG_ASSERT_SIZE(struct pt_log, 160);
SEG_ASSERT_SIZE(struct pt_monitor, 736);
SEG_ASSERT_SIZE(struct pt_exit, 40);
SEG_ASSERT_SIZE(struct pt_daemon, 48);
SEG_ASSERT_SIZE(struct pt_event, 128);
SEG_ASSERT_SIZE(struct seg_ring, 128);
SEG_ASSERT_SIZE(struct seg_shared, 384);
SEG_ASSERT_SIZE(struct seg_command, 480);
SEG_ASSERT_SIZE(struct pt_request, 168);
SEG_ASSERT_SIZE(struct pt_answer, 268);

struct pt { /* an attachment */
	unsigned char *base;
	uint64_t bytes;
	int fd;
	enum pt_access access;
	struct seg_header header; /* checked copy; never re-read from the segment */
	dev_t dev;
	ino_t ino;
	sigset_t signals; /* what was blocked before pt_lock(), clients only */
};

/* Fill in the region table for a capacity; returns the total size. */
uint64_t seg_plan(uint32_t capacity, struct seg_region region[static SEG_REGION_MAX]);
uint64_t seg_fingerprint(void);
/* Check a header that was copied from a segment of file_bytes. 0, -EAGAIN (not yet complete),
 * -EPROTO, -EBADMSG, each with a sentence. */
int seg_check(const struct seg_header *h, uint64_t file_bytes, struct fault *f);
/* Mapped ranges, for the SIGBUS handler of pt_tolerate_truncation(). */
void seg_note_range(const void *base, size_t bytes);
void seg_forget_range(const void *base);
/* Path of the segment's name in SEG_DIR. */
void seg_path(const struct home *h, char buf[static 128]);
const char *seg_region_label(unsigned id);

static inline struct seg_shared *seg_shared(const struct pt *pt)
{
	return (struct seg_shared *)(void *)(pt->base + pt->header.region[SEG_SHARED].offset);
}

/* Element i of a region; i must be below its count. */
static inline void *seg_at(const struct pt *pt, enum seg_region_id id, uint32_t i)
{
	const struct seg_region *r = &pt->header.region[id];

	return pt->base + r->offset + (uint64_t)r->stride * i;
}

/* The event region of a role. */
enum seg_region_id seg_events_of(unsigned role);
/* The exit records of a role, which is not the spawner. */
enum seg_region_id seg_exits_of(unsigned role);

/* Redo a committed journal (idempotent); entries that point outside the lock's words are
 * dropped. */
void seg_journal_apply(struct pt *pt);
/* Change several words as one: all of them, or after a death before the commit none. Holding the
 * lock. */
struct seg_change {
	const volatile void *word;
	uint64_t value;
	uint32_t width;
};
void seg_change(struct pt *pt, const struct seg_change *change, unsigned n);

#endif
