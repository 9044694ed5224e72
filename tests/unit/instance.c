/*
 * tests/unit/instance.c - see tests/unit/instance.h.
 */
#define _GNU_SOURCE 1
#include "tests/unit/instance.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/procfs.h"
#include "base/str.h"
#include "shm/lock.h"
#include "shm/owner.h"
#include "shm/wake.h"

void instance_pause_us(unsigned us)
{
	struct timespec ts = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000l };

	(void)nanosleep(&ts, NULL);
}

void instance_pause_ms(unsigned ms)
{
	instance_pause_us(ms * 1000);
}

void instance_make(struct instance *in, uint32_t capacity)
{
	struct fault f = { "" };

	memset(in, 0, sizeof(*in));
	(void)snprintf(in->dir, sizeof(in->dir), "/tmp/tend-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(in->dir));
	ck_assert_msg(home_open(in->dir, HOME_CREATE, &in->home, &f) == 0, "%s", f.text);
	ck_assert_msg(pt_create(&in->home, capacity, NULL, &in->guardian, &f) == 0, "%s", f.text);
	ck_assert_msg(pt_attach_as(&in->home, PT_SPAWNER, &in->spawner, &f) == 0, "%s", f.text);
}

static int remove_one(const char *path, const struct stat *sb, int type, struct FTW *where)
{
	(void)sb, (void)type, (void)where;
	return remove(path);
}

void instance_remove(struct instance *in)
{
	(void)pt_unlink(&in->home);
	pt_detach(in->spawner);
	pt_detach(in->guardian);
	home_close(&in->home);
	(void)nftw(in->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void ring_all(struct instance *in)
{
	(void)bell_ring(&in->home, ROLE_LOGGER);
	(void)bell_ring(&in->home, ROLE_MONITOR);
}

uint32_t instance_add(struct instance *in, const char *name, enum pt_service service)
{
	struct pt_ident ident = { .service = (uint8_t)service, .stop_signal = SIGTERM };
	struct pt_life life = { .state = PT_STATE_STOPPED };
	char fifo[PT_NAME_MAX + 8];
	uint32_t slot, gen;

	(void)snprintf(fifo, sizeof(fifo), "%s.out", name);
	ck_assert(mkfifoat(in->home.run_fd, fifo, 0600) == 0 || errno == EEXIST);
	(void)str_copy(ident.name, sizeof(ident.name), name);
	ck_assert_int_eq(pt_lock(in->spawner, 1000), 0);
	ck_assert_int_eq(pt_free_slot(in->spawner, &slot, &gen), 0);
	ident.gen = life.gen = gen;
	ck_assert_int_eq(pt_put_ident(in->spawner, slot, &ident), 0);
	ck_assert_int_eq(pt_put_life(in->spawner, slot, &life), 0);
	pt_claim(in->spawner, slot);
	pt_unlock(in->spawner);
	ring_all(in);
	return slot;
}

void instance_release(struct instance *in, uint32_t slot)
{
	ck_assert_int_eq(pt_lock(in->spawner, 1000), 0);
	pt_release(in->spawner, slot);
	pt_unlock(in->spawner);
	ring_all(in);
}

void instance_life(struct instance *in, uint32_t slot, const struct pt_life *life)
{
	ck_assert_int_eq(pt_put_life(in->spawner, slot, life), 0);
	ring_all(in);
}

void instance_running(struct instance *in, uint32_t slot, pid_t pid)
{
	struct pt_life life;
	struct procfs_stat st;

	ck_assert_int_eq(pt_read_life(in->spawner, slot, &life), 0);
	ck_assert_int_eq(procfs_stat(pid, &st), 0);
	life.state = PT_STATE_RUNNING;
	life.reason = PT_REASON_LAUNCHED;
	life.want = 1;
	life.life++;
	life.pid = pid;
	life.start_ticks = st.start_ticks;
	life.start_boot_ns = clock_boot_ns();
	life.start_real_ns = clock_real_ns();
	instance_life(in, slot, &life);
}

void instance_replace(struct instance *in, uint32_t capacity, enum role role)
{
	struct pt *fresh;
	struct pt_daemon d;

	ck_assert_int_eq(pt_create(&in->home, capacity, in->guardian, &fresh, NULL), 0);
	ck_assert_int_eq(pt_read_daemon(in->guardian, ROLE_GUARDIAN, &d), 0);
	d.flags |= PT_DAEMON_REPLACED;
	ck_assert_int_eq(pt_put_daemon(in->guardian, ROLE_GUARDIAN, &d), 0);
	pt_detach(in->guardian);
	in->guardian = fresh;
	pt_detach(in->spawner);
	ck_assert_int_eq(pt_attach_as(&in->home, PT_SPAWNER, &in->spawner, NULL), 0);
	ck_assert_int_eq(bell_ring(&in->home, role), 0);
}

pid_t instance_daemon(struct instance *in, enum role role, bool wait)
{
	const char *bin = getenv("TEND_BIN");
	char path[PATH_MAX];
	pid_t pid, holder;
	uint64_t start;

	(void)snprintf(path, sizeof(path), "%s/tend-%s", bin ? bin : "build/bin", role_name(role));
	ck_assert_msg(access(path, X_OK) == 0, "%s has to be built first", path);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		/* a test that fails leaves nothing running */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(path, path, "--home", in->dir, (char *)NULL);
		_exit(127);
	}
	if (wait)
		INSTANCE_AWAIT(
			role_holder(in->home.run_fd, role, &holder, &start) == 0 && holder == pid);
	return pid;
}

int instance_end(pid_t pid, int signo)
{
	int status = 0;

	ck_assert_int_eq(kill(pid, signo), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}
