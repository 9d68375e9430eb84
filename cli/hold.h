// `auspex hold`: what nobody may delete.

#pragma once

namespace cli {

// Runs the command, with its arguments behind argv[0]. Returns the exit status: 1 if it could not
// be done.
int HoldCommand(int argc, char** argv);

}  // namespace cli
