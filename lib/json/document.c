/* json/document.c - JSON from a file (json/document.h). */
#include "json/document.h"

#include <errno.h>

/* cJSON answers NULL for what is not JSON and for a lack of memory alike. Whoever allocates for it
 * sets errno when there is none, as malloc() does: and that is the last thing before it gives
 * up. */
int document_parse(const char *text, size_t len, const char **ret_at, cJSON **ret)
{
	errno = 0;
	*ret = cJSON_ParseWithLengthOpts(text, len, ret_at, 0);
	if (*ret)
		return 0;
	return errno == ENOMEM ? -ENOMEM : -EINVAL;
}
