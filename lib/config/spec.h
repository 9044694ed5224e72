/*
 * config/spec.h - how to run one process: the text in specs/NAME.json as one validated struct.
 *
 * The CLI writes it (with the environment, folder, umask, limits and priorities of the shell that
 * it was called from), the spawner reads it at each launch and keeps nothing of it in memory but
 * the numbers that the table shows. The file is 0600: environments hold secrets.
 */
#ifndef CONFIG_SPEC_H
#define CONFIG_SPEC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/fault.h"
#include "base/str.h"
#include "config/surroundings.h"

/* the kernel's own limit for arguments and environment together is about 2 MB */
#define SPEC_BYTES_MAX (4u * 1024 * 1024)

/* The highest "spec_version" that this build reads; a text without that key is of version 1. A
 * build whose keys an earlier one must not pass over writes a higher one. */
#define SPEC_VERSION 1

/* Defaults; the table in docs/manual.md shows the same numbers. */
#define SPEC_STOP_TIMEOUT_MS	  30000u /* as the reference's --timeout */
#define SPEC_RESTART_DELAY_MS	  250u
#define SPEC_RESTART_MAX_DELAY_MS 30000u
#define SPEC_RESTART_LIMIT	  10u
#define SPEC_RESTART_WINDOW_MS	  300000u
#define SPEC_STABLE_MS		  10000u
#define SPEC_LOG_ROTATE_BYTES	  (64ull << 20)
#define SPEC_LOG_KEEP_FILES	  10u

struct spec {
	char name[NAME_MAX_BYTES];
	char group[NAME_MAX_BYTES]; /* "" = none; for the CLI alone */
	char *exe;		    /* absolute path of the program */
	char **argv;		    /* NULL-terminated, at least one; argv[0] as typed */
	char **env;		    /* "KEY=VALUE", NULL-terminated */
	char *cwd;		    /* absolute */
	/* JSON text of an object as config/health.h describes it; NULL = none. Owned only with doc
	 * */
	char *health;
	char *file; /* the agent's file, absolute; NULL for a plain command */
	mode_t umask;
	/* of earlier builds: the soft limit of open files where surroundings has none; 0 = leave it
	 * */
	uint64_t nofile;
	struct surroundings surroundings;
	uint32_t stop_timeout_ms;
	uint32_t restart_delay_ms, restart_max_delay_ms, restart_window_ms, stable_ms;
	uint32_t health_check_interval_s; /* where the policy names none; 0 = the configuration's */
	uint16_t restart_limit;
	uint8_t policy;	 /* enum pt_policy's numbers: 0 no, 1 on-failure, 2 always */
	uint8_t service; /* enum pt_service's numbers: 0 agent, 1 service, 2 registry */
	uint8_t stop_signal;
	/* 1: no registry is asked about it; in the JSON text "registry": false */
	uint8_t no_registry;
	/* How its output is kept; in the JSON text an object "log" with these names. */
	uint8_t separate_stderr;   /* 1: standard error goes to a file of its own */
	uint64_t log_rotate_bytes; /* rotate at this size; 0 = never */
	uint64_t log_keep_bytes;   /* of rotated files and archives; 0 = no limit */
	uint32_t log_rotate_age_s, log_keep_age_s, log_keep_files; /* 0 = never, no limit */
	/* owns the strings of a parsed spec; NULL in one that was put together by hand */
	void *doc;
};

/* The words of the policies, so that text and numbers have one source: "no", "on-failure",
 * "always". -EINVAL. */
int spec_policy(const char *word, uint8_t *ret);

/* A spec with all defaults: on-failure, SIGTERM, umask 022. */
void spec_init(struct spec *s);

/* Text -> struct. Unknown keys are kept out of it and ignored; wrong types, missing or out-of-range
 * values are errors that name the key; -EPROTONOSUPPORT: a later build wrote it, in a way that this
 * one can't read. On success release it with spec_done(). */
int spec_parse(const char *text, size_t len, struct spec *ret, struct fault *f);
/* Read and parse dirfd/file. */
int spec_load(int specs_fd, const char *file, struct spec *ret, struct fault *f);
void spec_done(struct spec *s);

/* Struct -> text, malloc'ed; NULL when out of memory. Bytes that are not UTF-8 (in a path, say) are
 * written as they are and read back as they were. */
char *spec_print(const struct spec *s);

/* Of argv and cwd: equal for the same command. */
uint64_t spec_hash(const struct spec *s);

/* argv joined by blanks, secrets masked (config/redact.h), cut to size at a character. Returns 1 if
 * it was cut. */
int spec_command_text(const struct spec *s, char *buf, size_t size);

/* The value of a variable in an environment, into which it points; NULL = not there, or empty. env
 * may be NULL. */
const char *spec_variable(char *const *env, const char *name);

/* "NAME.json" */
void spec_file_name(const char *name, char buf[static NAME_MAX_BYTES + 8]);
/* And back; false for what is not a specification. */
bool spec_name_of(const char *file, char name[static NAME_MAX_BYTES]);

#endif
