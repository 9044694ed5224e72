/*
 * cli/detail.h - one process in detail, for "tend status NAME".
 */
#ifndef CLI_DETAIL_H
#define CLI_DETAIL_H

#include "client/view.h"

void detail_print(const struct view *v, const struct view_row *r);

/* Is there a specification of that name in the home? */
bool detail_is_stored(const char *name);

#endif
