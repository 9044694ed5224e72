/* client/checks_health.c - what "tend doctor" says of health: files that the monitor can't use, the
 * registry, the brake, alerts (client/checks.h). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "client/checks.h"
#include "client/phrase.h"
#include "config/health.h"
#include "config/spec.h"

static void check_file(struct findings *found, const struct home *h)
{
	struct health_all all;
	struct fault f = { "" };
	char *text = NULL;
	size_t len = 0;
	int r = io_read_file(h->fd, HEALTH_FILE, HEALTH_BYTES_MAX, &text, &len);

	if (r == -ENOENT)
		return;
	if (r < 0)
		finding_problem(found, HEALTH_FILE ": it can't be read: %s", strerror(-r));
	else if (health_parse_all(text, len, &all, &f) < 0)
		finding_problem(found,
			HEALTH_FILE ": %s; the monitor goes on with what was in force before",
			f.text);
	else {
		finding_fine(found, HEALTH_FILE ": %s",
			all.alert_argv || all.alert_url[0] ? "alerts are sent"
							   : "no alerts are sent");
		health_all_done(&all);
	}
	free(text);
}

/* A spec that can't be read at all is told of elsewhere: by what the spawner answers. */
static void check_spec(struct findings *found, const struct home *h, const char *name)
{
	char file[NAME_MAX_BYTES + 8];
	struct health_conf conf;
	struct fault f = { "" };
	struct spec spec;

	spec_file_name(name, file);
	if (h->specs_fd < 0 || spec_load(h->specs_fd, file, &spec, &f) < 0)
		return;
	if (spec.health && health_parse(spec.health, strlen(spec.health), &conf, &f) < 0)
		finding_problem(found, "%s: specs/%s: %s; it is not probed", name, file, f.text);
	else if (spec.health)
		health_conf_done(&conf);
	spec_done(&spec);
}

void checks_health(struct findings *found, const struct home *h, const struct view *v)
{
	const struct pt_monitor *m = &v->monitor;
	char seen[PHRASE_MAX];
	bool agents = false;

	check_file(found, h);
	for (size_t i = 0; i < v->n; i++) {
		check_spec(found, h, v->row[i].row.ident.name);
		agents |= v->row[i].row.ident.service == PT_SERVICE_AGENT && view_is_up(&v->row[i]);
	}
	if (!v->present)
		return;
	if (agents && m->registry_state == PT_REGISTRY_UNREACHABLE)
		finding_problem(found, "%s", m->registry_error);
	else if (agents && m->registry_state == PT_REGISTRY_REACHABLE)
		finding_fine(found, "registry: %s lists %u agent%s", m->registry_url,
			m->registry_agents, m->registry_agents == 1 ? "" : "s");
	for (size_t i = 0; i < v->n; i++)
		if (view_is_up(&v->row[i]) && phrase_seen(&v->row[i].row.health, seen)[0])
			finding_note(found,
				"%s: the registry has last seen it %s by its clock; if that is not so, its clock or this machine's is wrong",
				v->row[i].row.ident.name, seen);
	if (m->brake_since_real_ns)
		finding_problem(found, "brake: restarts of unhealthy processes are held back: %s",
			m->brake_reason);
	if (m->stuck_commands)
		finding_problem(found,
			"monitor: %u command%s of probes or alerts can't be killed: it hangs in the kernel (is a "
			"mount dead?), or became another user",
			m->stuck_commands, m->stuck_commands == 1 ? "" : "s");
	if (m->alerts_lost)
		finding_note(found,
			"alerts: %llu could not be delivered; \"tend events\" says when",
			(unsigned long long)m->alerts_lost);
	if (m->alerts_queued)
		finding_note(found, "alerts: %u wait to be delivered", m->alerts_queued);
}
