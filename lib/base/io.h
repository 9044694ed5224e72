/*
 * base/io.h - whole reads and whole writes; base/io_replace.h replaces files. Everything is
 * relative to a directory descriptor, opened O_CLOEXEC, and does not follow a symbolic link in the
 * last component (docs/design.md, section 7).
 */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>

/* Read a whole regular file of at most max bytes. *ret is malloc'ed, NUL-terminated behind the last
 * byte, the caller's. -EFBIG: larger; -EINVAL: not a regular file. ret_len may be NULL. */
int io_read_file(int dirfd, const char *path, size_t max, char **ret, size_t *ret_len);

/* Read what fits into buf, NUL-terminate it. For /proc files, whose size is not known. Returns the
 * length or -errno. */
int io_read_small(int dirfd, const char *path, char *buf, size_t size);

/* Write all of it, restarting after EINTR and short writes. */
int io_write_all(int fd, const void *buf, size_t bytes);

/* Close what open_memstream() made for *text. 0, or -ENOMEM: the text is not whole. *text is the
 * caller's to free in either case. fclose() alone does not tell: without memory for the last step
 * it leaves NULL and answers 0 (glibc). */
int io_text_done(FILE *stream, char *const *text);

/* open(2) with O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK and O_NOCTTY added; a descriptor or -errno. It
 * waits for nobody: a FIFO opened to be written is -ENXIO while nobody reads it. */
int io_open(int dirfd, const char *path, int flags, unsigned mode);

/* Close *fd if it is open, and set it to -1. errno is kept. */
void io_close(int *fd);

/*
 * Is fd one of the last so many numbers that the limit of open files allows? Who holds something
 * for others (pipes, pidfds: as many as there are processes) leaves the last IO_SPARE_FDS to what
 * has to be opened to go on at all: doorbells, folders, /proc, files to write to.
 */
bool io_is_scarce(int fd, unsigned last);
#define IO_SPARE_FDS 8u

/* Is this -errno a moment without descriptors or memory, which says nothing of what was to be
 * looked at? */
bool io_is_shortage(int r);

/* Rename within a folder, but never onto a name that is there: -EEXIST. Where the file system can't
 * do that in one step, the name is looked at first: good enough for whoever alone gives such names.
 * 0 or -errno. */
int io_rename_new(int dirfd, const char *from, const char *to);

/* fsync(2) of a folder: what was renamed in it has lasted. 0 or -errno; 0 as well where the file
 * system can't sync folders (EINVAL). */
int io_sync_folder(int dirfd);

/* unlinkat(2), for what nobody comes back for: where a moment without memory or a failing disk
 * prevents it, it is tried a few times. 0 or -errno. */
int io_remove(int dirfd, const char *name, int flags);

/* Where something else than a file of this kind (S_IFREG, S_IFIFO) lies under the name, take it out
 * of the way: what is not a folder is removed, a folder, which may hold anything, renamed to
 * ".NAME.displaced-PID". */
void io_make_way(int dirfd, const char *name, mode_t kind);

/* Raise the soft limit on open files to the hard one; returns the old soft limit. */
unsigned long io_raise_nofile(void);

#endif
