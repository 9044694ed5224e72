/* logread/complain.h - who is told of what is damaged. */
#ifndef LOGREAD_COMPLAIN_H
#define LOGREAD_COMPLAIN_H

#include "base/fault.h"

/* Told of what is damaged or unreadable; reading goes on behind it. text names file and offset. */
typedef void log_complain_fn(void *arg, const char *text);
struct log_complain {
	log_complain_fn *fn; /* NULL: nobody listens */
	void *arg;
	/* a folder for what archives without an index are unpacked into; NULL or "" = /tmp */
	const char *scratch;
};
void log_complain(const struct log_complain *c, const char *file, const struct fault *f);


#endif
