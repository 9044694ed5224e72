/*
 * cli/checks.h - what "tend doctor" looks at. Each check prints a line for each finding.
 */
#ifndef CLI_CHECKS_H
#define CLI_CHECKS_H

#include "cli/instance.h"
#include "cli/view.h"

void checks_fine(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void checks_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void checks_problem(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void checks_home(const struct home *h);
void checks_limits(void);
/* in is attached, v loaded from it. */
void checks_table(const struct instance *in, const struct view *v);
/* in->pt may be NULL, v empty. */
void checks_daemons(const struct instance *in, const struct view *v);
/* what the daemons have, and so their processes, otherwise than this command */
void checks_surroundings(const struct home *h);
void checks_processes(const struct instance *in, const struct view *v);
void checks_health(const struct home *h, const struct view *v);
void checks_leftovers(const struct home *h, const struct view *v);

#endif
