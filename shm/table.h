/*
 * shm/table.h - the process table as a reader sees it: one row per supervised process, read without
 * a lock and without a daemon.
 *
 * PURPOSE   Any program of the same user can know what tend knows at the price of a few hundred
 *           nanoseconds. The table is a notice board, never the only copy: each daemon can write
 *           its blocks again from private memory.
 * USED BY   cli, every daemon, tests, and whoever links libtendshm (pkg-config tendshm). Writers
 *           use shm/owner.h, shm/lock.h, shm/ring.h. The bytes are in shm/layout.h and, for other
 *           languages, in shm/README.md.
 * OWNERSHIP Every block of a row has one writer: ident and life the spawner, health the monitor,
 *           log the logger, exit the guardian. What comes back through ret parameters is a private
 *           copy; nothing here points into the segment.
 * COPIES    Each block is a latch (shm/latch.h): a whole, consistent copy, even if its writer was
 *           killed in the middle of the next one. Two blocks of one row may be moments apart; their
 *           gen and life fields say whether they speak of the same incarnation and run.
 * UNITS     _boot_ns and _real_ns as in base/clock.h, _ms milliseconds, _bytes bytes, _permille
 *           thousandths of one core. 0 = never.
 * ERRORS    0 or a negative errno; ret is written on success only. A struct pt belongs to one
 *           thread.
 */
#ifndef SHM_TABLE_H
#define SHM_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

#define PT_NAME_MAX	    64u	 /* bytes of a name, NUL included */
#define PT_COMMAND_TEXT	    192u /* bytes of the command line kept for display, NUL included */
#define PT_CAPACITY_DEFAULT 1024u
#define PT_CAPACITY_MAX	    65536u
/* a reader that loses this often says -EBUSY; a dead writer never causes it */
#define PT_READ_TRIES 1000u

enum pt_trait { PT_TRAIT_UP = 1, PT_TRAIT_PID = 2, PT_TRAIT_TIMER = 4, PT_TRAIT_REST = 8 };

enum pt_state {
#define PT_STATE(id, label, word, traits) PT_STATE_##id,
#include "shm/states.def"
#undef PT_STATE
	PT_STATE_MAX
};

enum pt_reason {
#define PT_REASON(id, label, sentence) PT_REASON_##id,
#include "shm/reasons.def"
#undef PT_REASON
	PT_REASON_MAX
};

enum pt_policy { PT_POLICY_NO, PT_POLICY_ON_FAILURE, PT_POLICY_ALWAYS, PT_POLICY_MAX };
enum pt_service { PT_SERVICE_AGENT, PT_SERVICE_SERVICE, PT_SERVICE_REGISTRY, PT_SERVICE_MAX };
enum pt_verdict {
	PT_HEALTH_UNKNOWN,
	PT_HEALTH_HEALTHY,
	PT_HEALTH_DEGRADED,
	PT_HEALTH_UNHEALTHY,
	PT_HEALTH_FAILED,
	PT_HEALTH_MAX
};
/* The registry's word about an agent: nothing known (never asked, no answer); it does not list it;
 * it lists it. */
enum pt_listing {
	PT_LISTING_UNKNOWN,
	PT_LISTING_MISSING,
	PT_LISTING_LISTED,
	PT_LISTING_NONE /* it has no registry */,
	PT_LISTING_MAX
};
/* A probe of a process: there is none; no result yet; its last results decided that it passes, or
 * fails. */
enum pt_probe { PT_PROBE_NONE, PT_PROBE_PENDING, PT_PROBE_PASSING, PT_PROBE_FAILING, PT_PROBE_MAX };
enum pt_registry {
	PT_REGISTRY_UNKNOWN,
	PT_REGISTRY_REACHABLE,
	PT_REGISTRY_UNREACHABLE,
	PT_REGISTRY_MAX
};
enum pt_log_state { PT_LOG_CLOSED, PT_LOG_OPEN, PT_LOG_BLOCKED, PT_LOG_MAX };
/* no life ended yet; wait_status holds; nobody saw it */
enum pt_exit_kind { PT_EXIT_NONE, PT_EXIT_KNOWN, PT_EXIT_LOST };
/* The part of a launch that failed; sentences in pt_stage_label(). */
enum pt_stage {
	PT_STAGE_NONE,
	PT_STAGE_SPEC,
	PT_STAGE_FIFO,
	PT_STAGE_CLONE,
	PT_STAGE_SESSION,
	PT_STAGE_LIMITS,
	PT_STAGE_FOLDER,
	PT_STAGE_STDIO,
	PT_STAGE_EXEC,
	PT_STAGE_MAX
};

/* Labels for people and JSON; "unknown" for a number out of range. */
const char *pt_state_label(unsigned state);
const char *pt_state_word(unsigned state); /* the reference's: running, stopped */
unsigned pt_state_traits(unsigned state);  /* 0 for a number out of range */
const char *pt_reason_label(unsigned reason);
const char *pt_reason_sentence(unsigned reason);
const char *pt_policy_label(unsigned policy);
const char *pt_service_label(unsigned service);
const char *pt_health_label(unsigned verdict);
const char *pt_listing_label(unsigned listing);
const char *pt_probe_label(unsigned probe);
const char *pt_registry_label(unsigned registry);
const char *pt_log_label(unsigned log_state);
const char *pt_stage_label(unsigned stage);

struct pt_ident { /* what it is; writer: spawner */
	char name[PT_NAME_MAX];
	uint64_t spec_hash; /* of argv and folder: "is it the same command?" */
	uint64_t created_real_ns;
	uint32_t gen;	/* incarnation of the row that this block belongs to */
	uint32_t order; /* start order: smaller was started earlier */
	uint32_t stop_timeout_ms;
	/* second restart in a row waits this long, then twice that, and so on; the first does not
	 * wait */
	uint32_t restart_delay_ms;
	uint32_t restart_max_delay_ms;
	uint32_t restart_window_ms; /* at most restart_limit restarts within this window */
	uint32_t stable_ms;	    /* a run of at least this length resets the delay */
	uint16_t restart_limit;	    /* 0 = no limit */
	uint8_t policy;		    /* enum pt_policy */
	uint8_t service;	    /* enum pt_service */
	uint8_t stop_signal;
	uint8_t command_cut;	 /* 1: command was longer */
	uint8_t separate_stderr; /* 1: standard error has a FIFO and a file of its own */
	uint8_t pad[5];
	/* the current file is rotated at this size, at a line end; 0 = never */
	uint64_t log_rotate_bytes;
	/* of its rotated and archived files together, as they lie on the disk; 0 = no limit */
	uint64_t log_keep_bytes;
	uint32_t log_rotate_age_s; /* and when its first byte is this old; 0 = never */
	/* rotated and archived files whose last byte is older go; 0 = no limit */
	uint32_t log_keep_age_s;
	uint32_t log_keep_files; /* so many rotated and archived files are kept; 0 = no limit */
	uint32_t pad2;
	/* argv joined by blanks, cut at a character; the whole is in specs/NAME.json. Last: who
	 * keeps an ident needs no more than the text */
	char command[PT_COMMAND_TEXT];
};

struct pt_life {		/* how it is; writer: spawner */
	uint64_t since_real_ns; /* state entered */
	uint64_t since_boot_ns;
	/* what the spawner does next by itself (restart, SIGKILL), 0 = nothing */
	uint64_t next_boot_ns;
	uint64_t start_real_ns; /* the current run, else the last one, began; 0 = never */
	uint64_t start_boot_ns;
	uint64_t exit_real_ns; /* the last ended run ended */
	uint64_t exit_boot_ns;
	uint64_t start_ticks;	 /* /proc/PID/stat field 22 of pid */
	uint64_t window_boot_ns; /* the restart window began */
	uint64_t event_pos;	 /* the event that tells of this state (shm/events.h) */
	/* > 0 in states with the trait PID (until the process itself has ended), else 0 */
	int32_t pid;
	int32_t wait_status; /* of the last ended run, as from waitpid(); see exit_kind */
	/* positive errno of the last failed launch, 0 = the last launch succeeded */
	int32_t launch_errno;
	uint32_t gen;
	uint32_t life;		  /* number of the current or last run, counted from 1 */
	uint32_t restarts;	  /* after crashes and on request; a start after a stop is none */
	uint32_t window_count;	  /* automatic restarts in the window */
	uint32_t streak;	  /* automatic restarts in a row without a stable run between */
	uint32_t stop_timeout_ms; /* of the stop in progress */
	uint8_t state;		  /* enum pt_state */
	uint8_t want;		  /* 1 = should be up */
	uint8_t again;		  /* 1 = start again as soon as the tree is gone */
	uint8_t reason;		  /* enum pt_reason: why the state was entered */
	uint8_t exit_kind;	  /* enum pt_exit_kind */
	uint8_t killed;		  /* 1 = the last stop took SIGKILL */
	uint8_t launch_stage;	  /* enum pt_stage, with launch_errno */
	/* 1 = should be up after the next start of the instance, too; differs from want while the
	 * instance is shut down */
	uint8_t desired;
	/* 1 = the stop signal of the stop in progress was sent to the whole tree */
	uint8_t asked;
	/* bytes of earlier runs that still lay in its output FIFO when the current run began */
	uint32_t pipe_left;
	/* the same of the FIFO for standard error, where that is separate */
	uint32_t pipe_left_err;
};

struct pt_health {		  /* how it does; writer: monitor */
	uint64_t sampled_boot_ns; /* 0 = no sample of this run yet */
	uint64_t sampled_real_ns;
	uint64_t last_seen_real_ns; /* seen alive, and not unhealthy */
	uint64_t since_real_ns;	    /* verdict since */
	uint64_t memory_bytes;	    /* resident, whole tree */
	uint64_t cpu_ns;	    /* used by the processes that are in the tree now */
	uint64_t read_bytes;	    /* storage I/O of the tree */
	uint64_t written_bytes;
	uint32_t gen, life;
	uint32_t cpu_permille; /* since the sample before */
	uint32_t processes, threads, files;
	uint32_t failures; /* consecutive */
	uint8_t verdict;   /* enum pt_verdict */
	uint8_t startup;   /* enum pt_probe: the verdicts of its own probes */
	uint8_t readiness;
	uint8_t liveness;
	char error[80];		    /* the last one, a sentence */
	uint64_t probed_real_ns;    /* the last result of any probe */
	uint64_t restarted_real_ns; /* the last restart that the monitor asked for */
	uint64_t listed_real_ns;    /* when the registry was last asked about it, and answered */
	/* when the registry last saw it, as the registry says; 0 = it does not say */
	uint64_t registry_seen_real_ns;
	uint32_t probe_us; /* how long the last successful probe took */
	/* restarts that the monitor asked for, since a person last started it */
	uint32_t health_restarts;
	uint16_t capabilities; /* as the registry lists them; 65535 and more count as 65535 */
	uint16_t dependencies;
	uint16_t dependencies_resolved;
	uint8_t listing;	/* enum pt_listing */
	uint8_t registry_alive; /* 1 = what the registry says means alive */
	/* 1 = it stays unhealthy: the attempts of the monitoring policy are used up */
	uint8_t gave_up;
	/* 1 = what its specification says of its health can't be used: it is not probed */
	uint8_t misconfigured;
	uint8_t pad[2];
	char registry_status[20]; /* the registry's word, cut */
	char registry_id[80];
	char registry_endpoint[128];
};

/* the monitor's own state, one for the instance; writer: monitor */
struct pt_monitor {
	uint64_t registry_asked_real_ns;    /* last request */
	uint64_t registry_answered_real_ns; /* last useful answer */
	uint64_t registry_since_real_ns;    /* registry_state since */
	/* health-driven restarts are held back since; 0 = they are not */
	uint64_t brake_since_real_ns;
	uint64_t cycles;
	uint64_t requests;     /* to the registry */
	uint64_t cycle_cpu_ns; /* of the last cycle */
	uint64_t alerts_sent, alerts_lost;
	uint32_t alerts_queued;
	uint32_t registry_agents; /* entries of the last useful answer */
	uint32_t interval_ms;
	/* left in the bucket over all health-driven restarts, in thousandths */
	uint32_t restart_tokens;
	uint8_t registry_state; /* enum pt_registry */
	/* commands of probes and alerts that were killed and hang in the kernel; 255 and more count
	 * as 255 */
	uint8_t stuck_commands;
	uint8_t pad[6];
	char registry_url[160];	  /* empty = none is asked */
	char registry_error[160]; /* why it is unreachable, a sentence */
	char brake_reason[160];
	/* why HOME/monitor.json or the configuration is not in force, a sentence; empty = it is */
	char conf_error[160];
};

struct pt_log { /* its output; writer: logger */
	/* moved from the pipe to files since the row was added, by whichever logger lived */
	uint64_t captured_bytes;
	uint64_t file_bytes;   /* size of the current file */
	uint64_t last_real_ns; /* last output */
	uint32_t gen;
	uint32_t pipe_bytes; /* capacity of the pipe */
	uint32_t pipe_fill;  /* bytes waiting when last looked */
	int32_t error;	     /* positive errno that stops capture, 0 = none */
	uint8_t state;	     /* enum pt_log_state */
	uint8_t full;	     /* 1 = the pipe is full and its writer waits */
	uint8_t pad[6];
	/* Accounting of everything under the process's name, standard error included where it is
	 * separate: base + captured = current files + rotated + archived + deleted + gone, in bytes
	 * as the process wrote them. */
	uint64_t base_bytes;	 /* lay in files of this name when the row was added */
	uint64_t rotated_bytes;	 /* in rotated files that are not archived yet */
	uint64_t archived_bytes; /* in archives, before compression */
	uint64_t archived_lines;
	uint64_t archive_file_bytes; /* what the archives take on the disk */
	uint64_t deleted_bytes;	     /* taken away by retention, before compression */
	uint64_t deleted_lines;
	uint64_t gone_bytes; /* taken away by someone else: truncated, deleted, replaced */
	/* the part of captured_bytes that came through standard error's own FIFO */
	uint64_t err_captured_bytes;
	uint64_t err_file_bytes;
	uint64_t full_boot_ns; /* the pipe is full since; 0 = it is not */
	uint64_t stall_max_ns; /* the longest time that a full pipe was not drained */
	uint32_t rotations;
	uint32_t archives; /* files */
	uint32_t err_pipe_fill;
	uint32_t pad2;
};

/* an exit mailbox: how a process ended that was no child of a spawner any more; writers: guardian,
 * monitor, logger, each its own */
struct pt_exit {
	uint64_t start_ticks;
	uint64_t real_ns;
	uint64_t boot_ns;
	uint32_t gen;
	/* gen of the row whose output FIFO the guardian holds open; 0 = none (guardian's only) */
	uint32_t held;
	int32_t pid; /* 0 = no exit in the box */
	int32_t wait_status;
};

/* in the guardian's record only */
enum pt_daemon_flag { PT_DAEMON_SHUTDOWN = 1, PT_DAEMON_REPLACED = 2 };

struct pt_daemon {		/* writer: guardian */
	uint64_t since_real_ns; /* this incarnation started */
	uint64_t since_boot_ns;
	uint64_t start_ticks;
	int32_t pid; /* 0 = never started */
	uint32_t restarts;
	int32_t wait_status; /* of the incarnation before, if exit_kind says so */
	uint32_t flags;	     /* enum pt_daemon_flag */
	uint8_t exit_kind;
	uint8_t pad[7];
};

struct pt_row {
	uint32_t slot, gen;
	struct pt_ident ident;
	struct pt_life life;
	struct pt_health health; /* all zero when the monitor has not seen this incarnation yet */
	struct pt_log log;	 /* likewise the logger */
	struct pt_exit exit;
};

struct pt_info { /* facts about the segment itself */
	uint64_t created_real_ns;
	uint64_t total_bytes;
	uint32_t abi, capacity, commands;
	uint32_t uid;
	char boot_id[40];
	char home[512];
};

struct pt_layout { /* two programs can share a table if both numbers are the same */
	uint32_t abi;
	uint64_t fingerprint;
};

struct pt; /* one attachment, private to this process */

/* Join the segment of a home for reading. home NULL = $TEND_HOME or the default. -ENOENT: no
 * instance runs there and none left a table. -EPROTO: another format or build (both versions are in
 * f). -EBADMSG: damaged, f says where. -EPERM: belongs to someone else or others may touch it. The
 * caller owns *ret until pt_detach(). */
int pt_attach(const char *home, struct pt **ret, struct fault *f);
void pt_detach(struct pt *pt); /* NULL is fine; the segment stays */

void pt_get_info(const struct pt *pt, struct pt_info *ret);
/* Are we in the PID namespace in which it was made, and can tell by /proc? Else its pids stand for
 * others here, or for nobody, and only reading is possible. */
bool pt_pids_are_ours(const struct pt *pt);
uint32_t pt_used(const struct pt *pt); /* rows in use */
/* rows to look at: slots 0 .. pt_high() - 1; never above the capacity */
uint32_t pt_high(const struct pt *pt);

/* The blocks of a row beside ident and life. A daemon that reads many rows names those that it
 * needs: pages never touched cost it no memory. */
enum pt_block { PT_BLOCK_HEALTH = 1, PT_BLOCK_LOG = 2, PT_BLOCK_EXIT = 4, PT_BLOCK_ALL = 7 };

/* Copy one row; pt_read_blocks() leaves the blocks that are not named all zero. -ENOENT: the slot
 * is free. -EBUSY: PT_READ_TRIES used up. -EBADMSG: what is there is no row. */
int pt_read(const struct pt *pt, uint32_t slot, struct pt_row *ret);
int pt_read_blocks(const struct pt *pt, uint32_t slot, unsigned blocks, struct pt_row *ret);
int pt_find(const struct pt *pt, const char *name, struct pt_row *ret); /* -ENOENT: no such name */

/* What a daemon other than the spawner has noted about how the row's process ended. -ENOENT:
 * nothing. */
int pt_read_exit(const struct pt *pt, unsigned role, uint32_t slot, struct pt_exit *ret);

/* One block alone, for those who look at many rows often; pt_version() changes with every write of
 * the life block. */
int pt_read_life(const struct pt *pt, uint32_t slot, struct pt_life *ret);
uint64_t pt_life_version(const struct pt *pt, uint32_t slot);
uint32_t pt_gen(const struct pt *pt, uint32_t slot); /* odd = in use; 0 for a slot out of range */

int pt_read_daemon(const struct pt *pt, unsigned role, struct pt_daemon *ret);
/* All zero until a monitor has said something. */
int pt_read_monitor(const struct pt *pt, struct pt_monitor *ret);

/* The change counter, bumped with every transition, health verdict, and daemon change; samples and
 * log volume don't count. */
uint32_t pt_changes(const struct pt *pt);
/* Sleep until the counter differs from seen. 0, -ETIMEDOUT, -EINTR. timeout_ns UINT64_MAX = no
 * limit. Works on a read-only mapping. */
int pt_wait_change(const struct pt *pt, uint32_t seen, uint64_t timeout_ns);
/* Has the guardian made a new segment in the place of this one? Then attach again. */
bool pt_replaced(const struct pt *pt);

#endif
