/* monitor/libcurl.c - see monitor/libcurl.h. */
#include "monitor/libcurl.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>

#include "base/library.h"
#include "base/say.h"

#define LIBRARY "libcurl.so.4" /* its binary interface, unchanged since 2006 */

struct libcurl curl;

int libcurl_load(void)
{
	static int state; /* 0 not tried, 1 loaded, or the error */
	void *library;
	bool whole = true;

	if (state != 0)
		return state < 0 ? state : 0;
	state = -ENOSYS;
	library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
#define LIBCURL_FIND(name) whole = whole && library_find(library, #name, &curl.name);
	if (library) {
		LIBCURL_FUNCTIONS(LIBCURL_FIND)
	}
#undef LIBCURL_FIND
	if (!library || !whole || curl.curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		const char *why = dlerror();

		say(SAY_ERROR, "no registry, http probe or alert address can be asked: %s", why ? why : "libcurl can't be used");
		return state;
	}
	state = 1;
	return 0;
}
