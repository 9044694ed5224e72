/* client/stored.c - is there a specification of a name (client/stored.h). */
#include "client/stored.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/home.h"
#include "base/str.h"
#include "config/spec.h"

bool stored_has(const char *home, const char *name)
{
	struct home h = HOME_INIT;
	char file[NAME_MAX_BYTES + 8];
	struct stat st;
	bool found;

	if (name_check(name, NULL) < 0 || home_open(home, HOME_READ, &h, NULL) < 0)
		return false;
	spec_file_name(name, file);
	found = h.specs_fd >= 0 && fstatat(h.specs_fd, file, &st, AT_SYMLINK_NOFOLLOW) == 0;
	home_close(&h);
	return found;
}
