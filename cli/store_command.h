// `auspex store`: a store as a whole.

#pragma once

namespace cli {

// Runs the command, with its arguments behind argv[0]. Returns the exit status: 1 if something is
// damaged, or could not be done.
int StoreCommand(int argc, char** argv);

}  // namespace cli
