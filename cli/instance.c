/* cli/instance.c - home and table of a command (cli/instance.h). */
#include "cli/instance.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/marks.h"
#include "base/procfs.h"
#include "shm/owner.h"
#include "shm/wake.h"

#define REMAKE_WAIT_NS (1 * NS_PER_SEC) /* the guardian makes a table in milliseconds; a busy machine may take longer */
#define NAP_MS	       10

void instance_nap(unsigned ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&ts, NULL);
}

bool instance_role_held(const struct home *h, enum role role)
{
	pid_t pid;
	uint64_t start;

	return h->run_fd >= 0 && role_holder(h->run_fd, role, &pid, &start) == 0;
}

bool instance_has_table(const struct home *h)
{
	char path[PT_PATH_MAX];

	pt_path(h, path);
	return access(path, F_OK) == 0;
}

/* The spawner counts too: without a guardian it becomes one. */
static bool will_be_remade(const struct home *h)
{
	return instance_role_held(h, ROLE_GUARDIAN) || instance_role_held(h, ROLE_SPAWNER);
}

static int way_out(int r, struct fault *f)
{
	char text[FAULT_MAX];

	if (!f || (r != -EBADMSG && r != -EPROTO))
		return r;
	memcpy(text, f->text, sizeof(text));
	if (r == -EPROTO)
		return fault_set(f, r, "%s; \"tend upgrade\" moves the instance to this build", text);
	return fault_set(f, r, "%s; \"tend doctor --segment\" shows it, \"tend start\" makes a new one", text);
}

int instance_attach(struct instance *in, struct fault *f)
{
	uint64_t until = clock_boot_ns() + REMAKE_WAIT_NS;
	struct pt *pt = NULL;
	bool rung = false;
	int r;

	for (;;) {
		r = pt_attach_as(&in->home, in->access, &pt, f);
		if (r == 0)
			break;
		if (r != -ENOENT && r != -EBADMSG && r != -EAGAIN)
			return way_out(r, f);
		if (clock_boot_ns() >= until || !will_be_remade(&in->home))
			return way_out(r, f);
		if (!rung)
			(void)bell_ring(&in->home, ROLE_GUARDIAN);
		rung = true;
		instance_nap(NAP_MS);
	}
	pt_detach(in->pt);
	in->pt = pt;
	return 0;
}

bool instance_current(const struct instance *in)
{
	return in->pt && !pt_replaced(in->pt) && pt_is_current(in->pt, &in->home);
}

int instance_open(struct instance *in, enum pt_access access, struct fault *f)
{
	int r;

	in->access = access;
	r = home_open(NULL, HOME_READ, &in->home, f);
	return r < 0 ? r : instance_attach(in, f);
}

void instance_close(struct instance *in)
{
	pt_detach(in->pt);
	in->pt = NULL;
	home_close(&in->home);
}

struct left {
	char instance[20];
	size_t n;
};

/* Each that was launched leads a session; what came of it is not counted. */
static int count_left(void *arg, int proc_fd, pid_t pid, const struct marks *m)
{
	struct left *l = arg;
	struct procfs_stat st;

	(void)proc_fd;
	if (m->instance && strcmp(m->instance, l->instance) == 0 && procfs_stat(pid, &st) == 0 && procfs_stat_alive(&st) && st.session == pid)
		l->n++;
	return 0;
}

size_t instance_left(const struct home *h)
{
	struct left l = { .n = 0 };

	snprintf(l.instance, sizeof(l.instance), "%016llx", (unsigned long long)h->id);
	(void)marks_each(count_left, &l);
	return l.n;
}
