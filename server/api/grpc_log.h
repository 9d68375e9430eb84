// What gRPC says in its log: it has one for the process, and tells of some things nowhere else.

#pragma once

#include <vector>

#include "server/metrics.h"

namespace server {

// Has gRPC's errors go to our log. Call once, from main(), before gRPC is used.
void TakeGrpcLog();

// What gRPC has told since then, with the prefix "auspexd_". For any thread.
std::vector<Metric> MetricsOfGrpc();

}  // namespace server
