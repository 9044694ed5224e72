/*
 * monitor/libcurl.h - libcurl, loaded at the first request and not before. It brings thirty
 * libraries with it, which take two and a half megabytes even where nobody is asked: an instance
 * without agents and probes goes without. A machine that lacks it supervises all the same, and says
 * so where a request is wanted.
 *
 * The functions are called by their usual names, with curl. in front: curl.curl_easy_init().
 * INCLUDED BY monitor/http_private.h only.
 */
#ifndef MONITOR_LIBCURL_H
#define MONITOR_LIBCURL_H

#define CURL_DISABLE_TYPECHECK /* its macros of the functions' names would be in the way */
#include <curl/curl.h>
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

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

extern struct libcurl curl;

/* Load and initialise it; once is enough. -ENOSYS: it is not there; said once in the log. */
int libcurl_load(void);

#endif
