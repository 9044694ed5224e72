/* http/libcurl.c - see http/libcurl.h. */
#define _GNU_SOURCE 1
#include "http/libcurl.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/library.h"

#define LIBRARY "libcurl.so.4" /* its binary interface, unchanged since 2006 */

/* Has the linker written into pages that are not to be written? Then they are not those of the
 * file. */
static bool has_text_relocations(const struct dl_phdr_info *o)
{
	for (unsigned i = 0; i < o->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &o->dlpi_phdr[i];
		const ElfW(Dyn) * d;

		if (p->p_type != PT_DYNAMIC)
			continue;
		for (d = (const ElfW(Dyn) *)(o->dlpi_addr + p->p_vaddr); d->d_tag != DT_NULL;
			d++) // NOLINT(performance-no-int-to-ptr): an address is what ELF says
			if (d->d_tag == DT_TEXTREL ||
				(d->d_tag == DT_FLAGS && (d->d_un.d_val & DF_TEXTREL)))
				return true;
		return false;
	}
	return true; /* nothing says so */
}

static int let_go(struct dl_phdr_info *o, size_t size, void *arg)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)arg;
	if (!strchr(o->dlpi_name, '/') || has_text_relocations(o))
		return 0;
	for (unsigned i = 0; i < o->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &o->dlpi_phdr[i];
		uintptr_t from = (o->dlpi_addr + p->p_vaddr) & ~(page - 1),
			  to = o->dlpi_addr + p->p_vaddr + p->p_filesz;

		if (p->p_type == PT_LOAD && !(p->p_flags & PF_W))
			(void)madvise((void *)from, to - from,
				MADV_DONTNEED); // NOLINT(performance-no-int-to-ptr)
	}
	return 0;
}

/* libcurl brings some thirty libraries along, and linking and preparing them touches 4 MB of tables
 * and code that are never needed again. Those pages are the files' own; what is needed after all
 * comes back from the page cache. */
static void let_go_of_clean_pages(void)
{
	(void)dl_iterate_phdr(let_go, NULL);
}

int libcurl_load(struct libcurl *ret, struct fault *f)
{
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	bool whole = true;

#define LIBCURL_FIND(name) whole = whole && library_find(library, #name, &ret->name);
	if (library) {
		LIBCURL_FUNCTIONS(LIBCURL_FIND)
	}
#undef LIBCURL_FIND
	if (!library || !whole || ret->curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		const char *why = dlerror();

		return fault_set(f, -ENOSYS,
			"no registry, http probe or alert address can be asked: %s",
			why ? why : "libcurl can't be used");
	}
	let_go_of_clean_pages();
	return 0;
}
