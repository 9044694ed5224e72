/* shm/version.c - which tables a program can read, told without being able to (shm/owner.h). */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/io.h"
#include "shm/layout.h"

struct pt_layout pt_layout_own(void)
{
	return (struct pt_layout){ .abi = SEG_ABI, .fingerprint = seg_fingerprint() };
}

/* Magic, abi, header_bytes and fingerprint lie in the first 24 bytes of every version. */
int pt_layout_found(const struct home *h, struct pt_layout *ret)
{
	struct {
		uint64_t magic;
		uint32_t abi, header_bytes;
		uint64_t fingerprint;
	} first;
	char path[128];
	ssize_t n;
	int fd;

	_Static_assert(offsetof(struct seg_header, abi) == 8 &&
			offsetof(struct seg_header, fingerprint) == 16,
		"these stay in their places");
	seg_path(h, path);
	fd = io_open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return fd;
	n = read(fd, &first, sizeof(first));
	io_close(&fd);
	if (n != (ssize_t)sizeof(first) || first.magic != SEG_MAGIC)
		return -EBADMSG;
	*ret = (struct pt_layout){ .abi = first.abi, .fingerprint = first.fingerprint };
	return 0;
}

bool pt_layout_same(struct pt_layout a, struct pt_layout b)
{
	return a.abi == b.abi && a.fingerprint == b.fingerprint;
}

void pt_print_version(const char *program, FILE *out)
{
	struct pt_layout own = pt_layout_own();

	fprintf(out, "%s %s (table layout %u, fingerprint %016llx)\n", program, TEND_VERSION,
		own.abi, (unsigned long long)own.fingerprint);
}
