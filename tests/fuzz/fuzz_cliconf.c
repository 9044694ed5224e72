/* tests/fuzz/fuzz_cliconf.c - cli_config.json: any bytes, an error that names the place or values
 * within their limits, which survive being saved and loaded. */
#define _GNU_SOURCE 1
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/io_replace.h"
#include "config/cliconf.h"
#include "tests/fuzz/fuzz.h"

static char folder[] = "/dev/shm/fuzz-tend-XXXXXX";
static int folder_fd = -1;

static void leave(void)
{
	unlinkat(folder_fd, "cli_config.json", 0);
	rmdir(folder);
}

static void begin(void)
{
	MUST(mkdtemp(folder));
	folder_fd = io_open(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0);
	MUST(folder_fd >= 0);
	atexit(leave);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cliconf c = { 0 }, again = { 0 };
	struct conf_errors e = { "", 0 };
	struct fault f = { "" };
	char one[24], other[24];

	if (folder_fd < 0)
		begin();
	MUST(io_replace(folder_fd, "cli_config.json", data, size, IO_NO_SYNC) == 0);
	if (cliconf_load(folder_fd, "cli_config.json", NULL, &c, &e) < 0) {
		MUST(e.n > 0 && e.text[0] && memchr(e.text, 0, sizeof(e.text)));
		(void)cliconf_reset(folder_fd, &f); /* puts anything right */
		memset(&e, 0, sizeof(e));
		MUST(cliconf_load(folder_fd, "cli_config.json", NULL, &c, &e) == 0);
	}
	MUST(cliconf_save(folder_fd, &c, &f) == 0);
	MUST(cliconf_load(folder_fd, "cli_config.json", NULL, &again, &e) == 0);
	for (unsigned key = 0; key < CONF_KEYS; key++)
		MUST(strcmp(cliconf_show(&c, key, one), cliconf_show(&again, key, other)) == 0);
	cliconf_done(&again);
	cliconf_done(&c);
	return 0;
}
