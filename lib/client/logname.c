/* client/logname.c - the names of logs (client/logname.h). */
#include "client/logname.h"

#include <stdio.h>
#include <string.h>

#include "logread/format.h"

const char *logname_process(const char *stem, char buf[static 256])
{
	char *mark;

	snprintf(buf, 256, "%s", stem);
	mark = strchr(buf, LOG_ERR_MARK[0]);
	if (mark && (strcmp(mark, LOG_ERR_MARK) == 0 || strcmp(mark, LOGNAME_FILE_MARK) == 0))
		*mark = 0;
	return buf;
}
