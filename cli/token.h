// `auspex token`: the tokens that readers of the API show instead of a certificate.

#pragma once

namespace cli {

// Runs the command; argv[0] is its name. Returns the exit status.
int Token(int argc, char** argv);

}  // namespace cli
