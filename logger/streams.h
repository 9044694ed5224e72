/* logger/streams.h - the streams of a logger, by the rows of the table. */
#ifndef LOGGER_STREAMS_H
#define LOGGER_STREAMS_H

#include "logger/logger.h"

/* Before the first scan. */
void streams_begin(struct logger *lg);
/* Compare the streams with the table: end those whose row is gone, begin those whose row is new,
 * look again at those whose row changed. */
void streams_scan(struct logger *lg);
/* Make the next scan look at every row, changed or not: the segment is another one. */
void streams_forget_versions(struct logger *lg);
/* End all streams; what is in the pipes is moved first. */
void streams_end_all(struct logger *lg);

#endif
