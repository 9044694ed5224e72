/* monitor/conf.c - see monitor/conf.h. */
#include "monitor/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "config/cliconf.h"
#include "config/spec.h"

#define CHECK_INTERVAL_S 30u /* where the configuration can't be read */

bool conf_stamp_take(int dirfd, const char *name, struct conf_stamp *s)
{
	struct conf_stamp now = { 0 };
	struct stat st;
	bool same;

	if (dirfd >= 0 && fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		now = (struct conf_stamp){ .changed = st.st_mtim,
			.inode = (uint64_t)st.st_ino,
			.size = (uint64_t)st.st_size };
	same = now.changed.tv_sec == s->changed.tv_sec &&
		now.changed.tv_nsec == s->changed.tv_nsec && now.inode == s->inode &&
		now.size == s->size;
	*s = now;
	return !same;
}

void conf_all_init(struct conf_all *c)
{
	memset(c, 0, sizeof(*c));
	health_all_init(&c->health);
}

void conf_all_done(struct conf_all *c)
{
	health_all_done(&c->health);
}

static void read_health(struct conf_all *c, const struct home *h)
{
	struct health_all all;
	struct fault why = { "" };
	char *text = NULL;
	size_t len = 0;
	int r = io_read_file(h->fd, HEALTH_FILE, HEALTH_BYTES_MAX, &text, &len);

	if (r == -ENOENT) {
		health_all_init(&all);
		r = 0;
	} else if (r < 0) {
		fault_errno(&why, r, "it can't be read");
	} else {
		r = health_parse_all(text, len, &all, &why);
	}
	free(text);
	c->health_error[0] = 0;
	if (r < 0) {
		(void)snprintf(c->health_error, sizeof(c->health_error),
			HEALTH_FILE " is not in force: %.*s", (int)(CONF_WHY_MAX - 32), why.text);
		return;
	}
	health_all_done(&c->health);
	c->health = all;
}

static void read_configuration(struct conf_all *c, const struct home *h)
{
	struct cliconf conf;
	struct conf_errors e;

	c->conf_error[0] = 0;
	if (cliconf_load(h->fd, CLICONF_FILE, environ, &conf, &e) < 0) {
		c->check_interval_s = c->check_interval_s ? c->check_interval_s : CHECK_INTERVAL_S;
		(void)snprintf(c->conf_error, sizeof(c->conf_error),
			"the configuration is not in force: %.*s", (int)(CONF_WHY_MAX - 37),
			e.text);
		return;
	}
	c->check_interval_s = (uint32_t)cliconf_number(&conf, CONF_HEALTH_CHECK_INTERVAL);
	cliconf_done(&conf);
}

bool conf_all_refresh(struct conf_all *c, const struct home *h)
{
	bool health = conf_stamp_take(h->fd, HEALTH_FILE, &c->health_file);
	bool conf = conf_stamp_take(h->fd, CLICONF_FILE, &c->conf_file) || !c->check_interval_s;

	if (health)
		read_health(c, h);
	if (conf)
		read_configuration(c, h);
	return health || conf;
}

int conf_own_read(const struct home *h, const char *name, struct conf_own *ret, struct fault *f)
{
	char file[NAME_MAX_BYTES + 8];
	struct spec spec;
	int r;

	*ret = (struct conf_own){ 0 };
	spec_file_name(name, file);
	r = h->specs_fd < 0 ? -ENOENT : spec_load(h->specs_fd, file, &spec, f);
	if (r < 0)
		return r;
	ret->health = spec.health;
	ret->no_registry = spec.no_registry;
	ret->check_interval_s = spec.health_check_interval_s;
	spec.health = NULL;
	spec_done(&spec);
	return 0;
}
