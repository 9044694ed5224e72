/* base/library.c - see base/library.h. */
#include "base/library.h"

#include <dlfcn.h>
#include <string.h>

bool library_find(void *library, const char *name, void *to)
{
	void *symbol = dlsym(library, name);

	/* a pointer to a function: POSIX has them in the form of data pointers */
	memcpy(to, &symbol, sizeof(symbol));
	return symbol != NULL;
}
