/* tests/fuzz/fuzz_desired.c - processes.json: any bytes; what is accepted survives being saved and
 * loaded. */
#define _GNU_SOURCE 1
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/io_replace.h"
#include "config/desired.h"
#include "tests/fuzz/fuzz.h"

static char folder[] = "/tmp/tend-fuzz-XXXXXX";
static int folder_fd = -1;

static void leave(void)
{
	unlinkat(folder_fd, DESIRED_FILE, 0);
	rmdir(folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct desired d = { 0 }, again = { 0 };
	struct fault f = { "" };

	if (folder_fd < 0) {
		MUST(mkdtemp(folder));
		folder_fd = io_open(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0);
		atexit(leave);
	}
	MUST(io_replace(folder_fd, DESIRED_FILE, data, size, IO_NO_SYNC) == 0);
	if (desired_load(folder_fd, &d, &f) < 0) {
		MUST(f.text[0]);
		return 0;
	}
	for (size_t i = 0; i < d.n; i++)
		MUST(name_check(d.entry[i].name, NULL) == 0);
	if (desired_save(folder_fd, &d, IO_NO_SYNC) == 0) {
		MUST(desired_load(folder_fd, &again, &f) == 0);
		MUST(again.n == d.n);
		desired_done(&again);
	}
	desired_done(&d);
	return 0;
}
