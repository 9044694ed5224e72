/* config/cliconf_parts.h - what cliconf.c (keys and layers) and cliconf_file.c (the file) share.
 * Private to them. */
#ifndef CONFIG_CLICONF_PARTS_H
#define CONFIG_CLICONF_PARTS_H

#include "config/cliconf.h"

struct conf_rule {
	const char *name, *variable;
	enum conf_type type;
	int64_t number; /* the defaults */
	const char *text;
	int64_t min, max; /* of numbers; of texts, min 1 = not empty */
};

extern const struct conf_rule conf_rules[CONF_KEYS];

/* Text or value -> checked value. -EINVAL: it can't be read; -ERANGE: it can, and must not be; f
 * names the key. */
int conf_convert(enum conf_key key, const char *text, struct conf_value *ret, struct fault *f);
int conf_check(enum conf_key key, const struct conf_value *v, struct fault *f);
bool conf_is_default(enum conf_key key, const struct conf_value *v);
/* v.text is taken over. */
void conf_put(struct cliconf *c, enum conf_key key, struct conf_value v, enum conf_from from);
void conf_complain(struct conf_errors *e, const char *where, const char *text);

/* The file's layer, put over what is there; and a key in the document that will be saved. */
void conf_read_file(int home_fd, const char *path, struct cliconf *c, struct conf_errors *e);
int conf_write_key(struct cliconf *c, enum conf_key key, const struct conf_value *v);

#endif
