/* words/paragraph.c - sentences broken at blanks (words/paragraph.h). */
#include "words/paragraph.h"

#include <string.h>

void paragraph_write(FILE *to, const char *text, unsigned indent, unsigned width)
{
	size_t used = indent;

	while (*text) {
		/* our own sentences are ASCII; what is not is taken for wider */
		size_t len = strcspn(text, " ");

		if (width && used > indent && used + 1 + len > width) {
			fprintf(to, "\n%*s", (int)indent, "");
			used = indent;
		} else if (used > indent) {
			putc(' ', to);
			used++;
		}
		fprintf(to, "%.*s", (int)len, text);
		used += len;
		text += len + strspn(text + len, " ");
	}
	putc('\n', to);
}
