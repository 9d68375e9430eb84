// `auspex enroll`: how a host that was invited gets its certificate.

#pragma once

namespace cli {

// Runs the command, with its arguments behind argv[0]. Returns the exit status.
int Enroll(int argc, char** argv);

}  // namespace cli
