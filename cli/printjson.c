/* cli/printjson.c - a document on standard output (cli/printjson.h). */
#include "cli/printjson.h"

#include <errno.h>
#include <string.h>

#include "cli/out.h"

int printjson_failed(int error)
{
	return error == -ENOMEM ? out_fail("out of memory")
				: out_fail("cannot write JSON: %s", strerror(-error));
}

int printjson(struct json_out *o)
{
	int r = json_end(o);

	if (r == 0) {
		fwrite(o->text, 1, o->len, stdout);
		putchar('\n');
	}
	json_free(o);
	return r == 0 ? EXIT_OK : printjson_failed(r);
}
