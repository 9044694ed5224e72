/*
 * shm/truncation.c - a segment that is cut short under its users raises SIGBUS at the next access.
 * Programs of tend live on: the page that is gone is replaced by one of zeros, which every check
 * takes for damage, and the guardian makes the segment again from private state.
 */
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>

#include "shm/layout.h"

/* attachments of one process; the daemons have one, two for the moment of a replacement */
#define RANGES 8u

static struct {
	_Atomic uintptr_t base;
	_Atomic size_t bytes;
} ranges[RANGES];

void seg_note_range(const void *base, size_t bytes)
{
	for (unsigned i = 0; i < RANGES; i++) {
		uintptr_t none = 0;

		if (!atomic_compare_exchange_strong(&ranges[i].base, &none, (uintptr_t)base))
			continue;
		atomic_store(&ranges[i].bytes, bytes);
		return;
	}
}

void seg_forget_range(const void *base)
{
	for (unsigned i = 0; i < RANGES; i++) {
		if (atomic_load(&ranges[i].base) != (uintptr_t)base)
			continue;
		atomic_store(&ranges[i].bytes, 0);
		atomic_store(&ranges[i].base, 0);
	}
}

/* Only system calls here. The page is mapped writable whatever it was: what is written into it is
 * lost with the segment. */
static void on_sigbus(int signo, siginfo_t *si, void *context)
{
	uintptr_t at = (uintptr_t)si->si_addr;

	(void)context;
	for (unsigned i = 0; i < RANGES; i++) {
		uintptr_t base = atomic_load(&ranges[i].base);

		if (base == 0 || at < base || at - base >= atomic_load(&ranges[i].bytes))
			continue;
		if (mmap((void *)(at & ~(uintptr_t)(SEG_PAGE - 1)), SEG_PAGE,
			    PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			    0) != MAP_FAILED)
			return;
	}
	/* not ours: the access happens again, and ends the program as it should */
	signal(signo, SIG_DFL);
}

void pt_tolerate_truncation(void)
{
	struct sigaction sa = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

	sigemptyset(&sa.sa_mask);
	sigaction(SIGBUS, &sa, NULL);
}
