/*
 * logread/format.h - how logs lie on the disk: names, the time index, the archive. What two
 * programs must agree on, and nothing else.
 *
 * USED BY   logger/ (which writes), logread/ (which reads), tests. Documented for other programs in
 *           logread/README.md.
 *
 * NAMES     In HOME/logs, for a process NAME ('@' can't be in a name, so nothing here clashes with
 *           another process):
 *     NAME.log            the current file, exactly the bytes that the process wrote; NAME@err.log:
 *                         standard error, where it is separate
 *     NAME.log.idx        its time index
 *     NAME.log.N          rotated, N = 9 digits, counted from 000000001, never used twice;
 *                         NAME.log.N.idx: its time index
 *     NAME.log.N.lz4      the same as an archive; once it has this name it is whole and replaces
 *                         NAME.log.N, which is then removed
 *     NAME.log.N.lz4.tmp  an archive that is being written
 *   Reading order: by N, then the current file. Where NAME.log.N and NAME.log.N.lz4 both exist, the
 *   archive counts. A rotation renames NAME.log first and NAME.log.idx second; between the two the
 *   index still has the old name, and its inode says whose it is.
 *
 * TIME INDEX  One struct tidx_head, then struct tidx_entry, appended. It says when bytes arrived,
 *             never what they are; without it, or where it is damaged or belongs to another file,
 *             lines have no arrival time and nothing else is lost. A torn last entry is ignored.
 *
 * ARCHIVE   LZ4 frames, one for each block of about 256 KB, cut behind a line end (a longer line is
 *           one block, up to 128 MB), each with content size and content checksum, its LZ4 blocks
 *           independent; then one skippable frame (magic ARCHIVE_SKIP) whose payload is struct
 *           archive_head, archive_block times head.blocks, tidx_entry times head.entries (offsets
 *           in the raw file: the whole time index; where it was damaged then, as much as holds, and
 *           a last entry with real_ns 0: of bytes from its offset on it is not known when they
 *           arrived), the filters, the checksums of the filters' pages, struct archive_foot.
 *           Readers find the foot at the end of the file. lz4cat(1) and lz4 -t read the whole as it
 *           is. All numbers in the machine's byte order: archives move between machines of one
 *           kind; elsewhere the frames are still plain LZ4.
 *
 * FILTERS   Blocks are taken in groups of FILTER_BLOCKS; the last group may have less, n. A group
 *           has FILTER_BITS words of w bits, w the least power of two that is not less than n, the
 *           first word in the lowest bits: bit b of word i says that block b of the group holds
 *           three bytes with the hash i (logread/filter.h). So a search reads the words of its text
 *           and nothing else, by pages of FILTER_PAGE_BYTES, of which a group has w. Behind all
 *           pages follows the XXH64 of each. head.filter_bits 0: there are no filters, nor
 *           checksums of them.
 */
#ifndef LOGREAD_FORMAT_H
#define LOGREAD_FORMAT_H

#include <stdint.h>

#include "base/home.h"

#define LOG_SUFFIX	  ".log"
#define LOG_ERR_MARK	  HOME_ERR_MARK
#define LOG_NUMBER_DIGITS 9
#define LOG_NUMBER_MAX	  999999999u

#define TIDX_MAGIC 0x3158444954444e54ull /* "TNDTIDX1" read as little-endian bytes */

struct tidx_head {
	uint64_t magic;
	uint64_t inode; /* of the log file that it belongs to */
	uint64_t device;
	/* size of the log file when the index was begun: older bytes have no arrival time */
	uint64_t start_bytes;
};

/* The bytes from offset to the next entry's offset arrived by real_ns and not before the entry
 * before this one; they were written by run number life. */
struct tidx_entry {
	uint64_t offset;
	uint64_t real_ns;
	uint32_t life;	/* struct pt_life.life; 0 = not known */
	uint32_t flags; /* 0 */
};

#define ARCHIVE_MAGIC 0x315844494c444e54ull /* "TNDLIDX1" read as little-endian bytes */
#define ARCHIVE_SKIP  0x184D2A5Eu
/* a block ends behind the last line end within this */
#define ARCHIVE_BLOCK_BYTES (256u << 10)
/* ... but a line longer than this is cut: what reading takes is bounded */
#define ARCHIVE_BLOCK_MAX (128u << 20)
#define ARCHIVE_VERSION	  2u

#define FILTER_BITS	  32768u /* for each block: 4 KB, 1.6 % of it */
#define FILTER_BLOCKS	  64u
#define FILTER_PAGE_BYTES 4096u

/* Which levels occur in a block, by enum log_level (logread/parse.h). */
struct archive_head {
	uint64_t magic;
	uint32_t version;
	uint32_t blocks;
	uint32_t entries;     /* of the time index */
	uint32_t filter_bits; /* FILTER_BITS, or 0: there are no filters */
	uint64_t raw_bytes;   /* of the whole file, before compression */
	uint64_t lines;	      /* line ends, and one more if the last line has none */
};

struct archive_block {
	uint64_t file_offset;	/* of its LZ4 frame in the archive */
	uint64_t raw_offset;	/* of its first byte in the raw file */
	uint64_t first_real_ns; /* arrival of its first and last byte; 0 = not known */
	uint64_t last_real_ns;
	/* XXH64 of the frame as it lies in the file: that of the LZ4 frame takes longer than
	 * decoding does */
	uint64_t checksum;
	uint32_t file_bytes;
	uint32_t raw_bytes; /* at most ARCHIVE_BLOCK_MAX */
	uint32_t lines;
	/* bit (1 << enum log_level) for each that occurs, bit 31: lines without one */
	uint32_t levels;
};

struct archive_foot { /* the last bytes of the file */
	/* XXH64 (base/xxh64.h) of the payload in front of it without the filters */
	uint64_t checksum;
	uint64_t payload_bytes; /* of the skippable frame, this foot included */
	uint64_t magic;		/* ARCHIVE_MAGIC */
};

_Static_assert(sizeof(struct tidx_head) == 32 && sizeof(struct tidx_entry) == 24, "on-disk format");
_Static_assert(sizeof(struct archive_head) == 40 && sizeof(struct archive_block) == 56 &&
		sizeof(struct archive_foot) == 24,
	"on-disk format");

#endif
