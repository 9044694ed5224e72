/*
 * http/libcurl.h - libcurl, loaded at the first request and not before. It brings thirty
 * libraries with it, which take two and a half megabytes even where nobody is asked: an instance
 * without agents and probes goes without. A machine that lacks it supervises all the same, and is
 * told so where a request is to be made.
 *
 * The functions are called by their usual names, as members: lib->curl_easy_init().
 * INCLUDED BY http/client_private.h only.
 */
#ifndef HTTP_LIBCURL_H
#define HTTP_LIBCURL_H

#define CURL_DISABLE_TYPECHECK /* its macros of the functions' names would be in the way */
#include <curl/curl.h>
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

#include "base/fault.h"

/* clang-format off */
#define LIBCURL_FUNCTIONS(X) \
	X(curl_easy_cleanup) X(curl_easy_getinfo) X(curl_easy_init) X(curl_easy_setopt) \
	X(curl_easy_strerror) X(curl_global_cleanup) X(curl_global_init) \
	X(curl_multi_add_handle) X(curl_multi_assign) X(curl_multi_cleanup) \
	X(curl_multi_info_read) X(curl_multi_init) X(curl_multi_remove_handle) \
	X(curl_multi_setopt) X(curl_multi_socket_action) X(curl_slist_append) \
	X(curl_slist_free_all)
/* clang-format on */

struct libcurl {
#define LIBCURL_POINTER(name) __typeof__(&(name)) name;
	LIBCURL_FUNCTIONS(LIBCURL_POINTER)
#undef LIBCURL_POINTER
};

/* Load and initialise it; end with curl_global_cleanup(). It stays in memory: it may have threads.
 * -ENOSYS: it is not there, f says why. */
int libcurl_load(struct libcurl *ret, struct fault *f);

#endif
