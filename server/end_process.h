// What to do about a bug.

#pragma once

#include <exception>

namespace server {

// For coroutines that nobody waits for. What they throw is a bug: it is logged, and the process
// ends at once, without destructors that would meet coroutines half done. The supervisor starts it
// again, and clients send again what was not acknowledged.
void EndProcessOnError(const std::exception_ptr& error);

}  // namespace server
