#include "cli/exit_status.h"

#include <cstdlib>
#include <iostream>

namespace cli {

int ExitStatus(const std::string& command, absl::Status status) {
  std::cout.flush();
  if (status.ok() && !std::cout) status = absl::UnavailableError("cannot write");
  if (status.ok()) return EXIT_SUCCESS;
  std::cerr << command << ": " << std::string(status.message()) << '\n';
  return EXIT_FAILURE;
}

}  // namespace cli
