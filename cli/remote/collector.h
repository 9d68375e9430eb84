// `auspex status` and `auspex server`: what an operator does with a collector that runs.

#pragma once

namespace cli {

// Run the commands, with their arguments behind argv[0]. Return the exit status: 1 if the collector
// could not be asked, or has refused.
int Status(int argc, char** argv);
int Server(int argc, char** argv);

}  // namespace cli
