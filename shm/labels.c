/* shm/labels.c - words for the numbers of the segment, from the .def lists. */
#include "shm/events.h"
#include "shm/ring.h"
#include "shm/table.h"

#define LABEL(table, i) \
	((i) < sizeof(table) / sizeof((table)[0]) && (table)[i] ? (table)[i] : "unknown")

static const struct {
	const char *label, *word;
	unsigned traits;
} states[] = {
#define PT_STATE(id, label, word, traits) [PT_STATE_##id] = { label, word, traits },
#include "shm/states.def"
#undef PT_STATE
};

static const struct {
	const char *label, *sentence;
} reasons[] = {
#define PT_REASON(id, label, sentence) [PT_REASON_##id] = { label, sentence },
#include "shm/reasons.def"
#undef PT_REASON
};

static const struct {
	const char *label;
	enum role role;
} commands[] = {
#define PT_COMMAND(id, label, role) [PT_COMMAND_##id] = { label, role },
#include "shm/commands.def"
#undef PT_COMMAND
};

static const char *const policies[] = { "no", "on-failure", "always" };
static const char *const services[] = { "agent", "service", "registry" };
static const char *const verdicts[] = { "unknown", "healthy", "degraded", "unhealthy", "failed" };
static const char *const listings[] = { "unknown", "missing", "listed", "none" };
static const char *const probes[] = { "none", "pending", "passing", "failing" };
static const char *const registries[] = { "unknown", "reachable", "unreachable" };
static const char *const log_states[] = { "closed", "open", "blocked" };
static const char *const stages[] = {
	[PT_STAGE_NONE] = "nothing",
	[PT_STAGE_SPEC] = "reading its specification",
	[PT_STAGE_FIFO] = "opening its FIFOs",
	[PT_STAGE_CLONE] = "creating a process",
	[PT_STAGE_SESSION] = "making a session",
	[PT_STAGE_LIMITS] = "setting limits",
	[PT_STAGE_FOLDER] = "changing to its folder",
	[PT_STAGE_STDIO] = "connecting standard input and output",
	[PT_STAGE_EXEC] = "executing",
};
static const char *const events[] = {
	[PT_EVENT_STATE] = "state",
	[PT_EVENT_ADDED] = "added",
	[PT_EVENT_REMOVED] = "removed",
	[PT_EVENT_SIGNAL] = "signal",
	[PT_EVENT_DAEMON] = "daemon",
	[PT_EVENT_HEALTH] = "health",
	[PT_EVENT_LOG] = "log",
	[PT_EVENT_SEGMENT] = "segment",
	[PT_EVENT_REGISTRY] = "registry",
	[PT_EVENT_BRAKE] = "brake",
	[PT_EVENT_ALERT] = "alert",
	[PT_EVENT_ROTATE] = "rotate",
};

_Static_assert(sizeof(policies) / sizeof(policies[0]) == PT_POLICY_MAX, "a label for each");
_Static_assert(sizeof(services) / sizeof(services[0]) == PT_SERVICE_MAX, "a label for each");
_Static_assert(sizeof(verdicts) / sizeof(verdicts[0]) == PT_HEALTH_MAX, "a label for each");
_Static_assert(sizeof(listings) / sizeof(listings[0]) == PT_LISTING_MAX, "a label for each");
_Static_assert(sizeof(probes) / sizeof(probes[0]) == PT_PROBE_MAX, "a label for each");
_Static_assert(sizeof(registries) / sizeof(registries[0]) == PT_REGISTRY_MAX, "a label for each");
_Static_assert(sizeof(log_states) / sizeof(log_states[0]) == PT_LOG_MAX, "a label for each");
_Static_assert(sizeof(stages) / sizeof(stages[0]) == PT_STAGE_MAX, "a label for each");
_Static_assert(sizeof(events) / sizeof(events[0]) == PT_EVENT_MAX, "a label for each");

const char *pt_state_label(unsigned i)
{
	return i < PT_STATE_MAX ? states[i].label : "unknown";
}

const char *pt_state_word(unsigned i)
{
	return i < PT_STATE_MAX ? states[i].word : "unknown";
}

unsigned pt_state_traits(unsigned i)
{
	return i < PT_STATE_MAX ? states[i].traits : 0;
}

const char *pt_reason_label(unsigned i)
{
	return i < PT_REASON_MAX ? reasons[i].label : "unknown";
}

const char *pt_reason_sentence(unsigned i)
{
	return i < PT_REASON_MAX ? reasons[i].sentence : "unknown";
}

const char *pt_policy_label(unsigned i)
{
	return LABEL(policies, i);
}

const char *pt_service_label(unsigned i)
{
	return LABEL(services, i);
}

const char *pt_health_label(unsigned i)
{
	return LABEL(verdicts, i);
}

const char *pt_listing_label(unsigned i)
{
	return LABEL(listings, i);
}

const char *pt_probe_label(unsigned i)
{
	return LABEL(probes, i);
}

const char *pt_registry_label(unsigned i)
{
	return LABEL(registries, i);
}

const char *pt_log_label(unsigned i)
{
	return LABEL(log_states, i);
}

const char *pt_stage_label(unsigned i)
{
	return LABEL(stages, i);
}

const char *pt_event_label(unsigned i)
{
	return LABEL(events, i);
}

const char *pt_command_label(unsigned i)
{
	return i < PT_COMMAND_MAX ? commands[i].label : "unknown";
}

enum role pt_command_role(unsigned i)
{
	return i < PT_COMMAND_MAX ? commands[i].role : ROLE_MAX;
}
