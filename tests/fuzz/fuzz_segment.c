/*
 * tests/fuzz/fuzz_segment.c - the reader and the decoder on a segment that somebody wrote into.
 *
 * The input is a list of changes (offset of 3 bytes, then a length byte, then that many bytes) to a
 * good segment: a whole one is 700 KB, too much to mutate well.
 */
#define _GNU_SOURCE 1
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/home.h"
#include "base/str.h"
#include "shm/explain.h"
#include "shm/layout.h"
#include "tests/fuzz/fuzz.h"

static unsigned char *good;
static uint64_t good_bytes;
static FILE *nowhere;
static int memory_fd = -1;

/* A segment of four rows, made by the real code in a home of its own, then copied. */
static void make_good(void)
{
	char root[] = "/tmp/tend-fuzz-XXXXXX", path[64];
	struct home h = HOME_INIT;
	struct fault f = { "" };
	struct pt *pt = NULL, *sp = NULL;

	MUST(mkdtemp(root));
	snprintf(path, sizeof(path), "%s/h", root);
	MUST(home_open(path, HOME_CREATE, &h, &f) == 0 && pt_create(&h, 4, NULL, &pt, &f) == 0);
	MUST(pt_attach_as(&h, PT_SPAWNER, &sp, &f) == 0);
	for (int i = 0; i < 2; i++) {
		struct pt_ident id = { .policy = PT_POLICY_ALWAYS, .stop_signal = 15 };
		struct pt_life life = {
			.pid = 4711, .life = 1, .state = PT_STATE_RUNNING, .want = 1
		};
		struct pt_event ev = { .kind = PT_EVENT_ADDED };
		uint32_t slot, gen;

		MUST(pt_free_slot(sp, &slot, &gen) == 0);
		snprintf(id.name, sizeof(id.name), "p%d", i);
		id.gen = life.gen = gen;
		pt_put_ident(sp, slot, &id);
		pt_put_life(sp, slot, &life);
		pt_claim(sp, slot);
		pt_event_add(sp, &ev);
	}
	good_bytes = sp->bytes;
	good = malloc(good_bytes);
	MUST(good);
	memcpy(good, sp->base, good_bytes);
	pt_detach(sp);
	pt_detach(pt);
	pt_unlink(&h);
	home_close(&h);
	snprintf(path, sizeof(path), "rm -r %s", root);
	MUST(system(path) == 0);
	nowhere = fopen("/dev/null", "w");
	memory_fd = memfd_create("segment", MFD_CLOEXEC);
	MUST(nowhere && memory_fd >= 0 && fchmod(memory_fd, 0600) == 0);
}

static void read_everything(struct pt *pt)
{
	struct pt_row row;
	struct pt_daemon d;
	struct pt_monitor m;
	struct pt_event ev;
	struct pt_info info;

	pt_get_info(pt, &info);
	MUST(memchr(info.home, 0, sizeof(info.home)) && pt_high(pt) <= info.capacity);
	for (uint32_t slot = 0; slot < pt_high(pt) + 1; slot++)
		if (pt_read(pt, slot, &row) == 0) {
			MUST(name_check(row.ident.name, NULL) == 0 &&
				row.life.state < PT_STATE_MAX && row.life.pid >= 0);
			MUST(memchr(row.health.error, 0, sizeof(row.health.error)));
		}
	(void)pt_find(pt, "p1", &row);
	(void)pt_read_monitor(pt, &m);
	for (unsigned role = 0; role < ROLE_MAX; role++) {
		uint64_t head = pt_event_head(pt, role), tail = pt_event_tail(pt, role);

		(void)pt_read_daemon(pt, role, &d);
		for (uint64_t pos = head - (head - tail > 8 ? 8 : head - tail);
			pos < head && pos >= tail; pos++)
			(void)pt_event_read(pt, role, pos, &ev);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault f = { "" };
	struct pt *pt = NULL;

	if (!good)
		make_good();
	MUST(ftruncate(memory_fd, (off_t)good_bytes) == 0 &&
		pwrite(memory_fd, good, good_bytes, 0) == (ssize_t)good_bytes);
	while (size > 4) {
		uint64_t at = ((uint64_t)data[0] << 16 | (uint64_t)data[1] << 8 | data[2]) %
			good_bytes;
		size_t len = data[3] % 17;

		data += 4;
		size -= 4;
		if (len > size)
			len = size;
		if (len > good_bytes - at)
			len = (size_t)(good_bytes - at);
		MUST(pwrite(memory_fd, data, len, (off_t)at) == (ssize_t)len);
		data += len;
		size -= len;
	}
	(void)pt_explain(memory_fd, nowhere);
	if (pt_attach_fd(memory_fd, PT_READER, &pt, &f) == 0) {
		read_everything(pt);
		pt_detach(pt);
	} else {
		MUST(f.text[0]);
	}
	return 0;
}
