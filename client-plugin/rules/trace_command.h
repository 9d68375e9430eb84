// `auspex-agent trace`: runs a program and has all its system calls recorded. See
// auspex-agent-rules(8).

#pragma once

namespace client_plugin {

// `auspex-agent trace [-r] COMMAND...`; argv[0] is "trace". Prints how to find the events, and
// returns how the program ends: as the command has, with 128 and the number of the signal that
// ended it; 127 if there is no such command, 126 if it cannot be run; 125 if it could not be traced
// to its end.
int RunTrace(int argc, char** argv);

}  // namespace client_plugin
