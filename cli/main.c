/*
 * tend - the command line. It keeps no state: a command reads the process table or posts a request
 * into it, prints, and ends.
 */
#include "base/inherited.h"
#include "cli/cmdtable.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/shell.h"
#include "term/term.h"

static int run(int argc, char **argv)
{
	out_init();
	/* nothing is lost by an end at once: a command that was posted is carried out */
	term_signals(EXIT_INTERRUPTED);
	return out_finish(commands_run(cmdtable, argc, argv));
}

int main(int argc, char **argv)
{
	shell_note(); /* before anything changes them */
	return inherited_run(run, argc, argv);
}
