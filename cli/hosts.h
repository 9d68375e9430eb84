// auspex hosts: lists the hosts of a store or a collector, and what each has lost.

#pragma once

namespace cli {

// Returns the exit status.
int Hosts(int argc, char** argv);

}  // namespace cli
