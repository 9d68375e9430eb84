#include "server/end_process.h"

#include <cstdlib>

#include "base/log.h"

namespace server {

void EndProcessOnError(const std::exception_ptr& error) {
  if (!error) return;
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& what) {
    spdlog::critical("unexpected: {}", what.what());
  } catch (...) {
    spdlog::critical("unexpected: not a standard exception");
  }
  std::_Exit(EXIT_FAILURE);
}

}  // namespace server
