/*
 * tend - the command line. It keeps no state: a command reads the process table or posts a request into it, prints,
 * and ends.
 */
#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/term.h"

int main(int argc, char **argv)
{
	out_init();
	term_signals();
	return out_finish(command_run(argc, argv));
}
