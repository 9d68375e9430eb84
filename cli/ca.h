// `auspex ca`: a private certificate authority in a directory.

#pragma once

namespace cli {

// Runs the command with its arguments, of which the first is its name, and returns its exit status:
// 0, or 1 on an error, which goes to standard error.
int Ca(int argc, char** argv);

}  // namespace cli
