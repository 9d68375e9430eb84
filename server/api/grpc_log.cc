#include "server/api/grpc_log.h"

#include <atomic>
#include <mutex>
#include <string_view>

#include <grpc/support/log.h>

#include "base/log.h"

namespace server {

namespace {

// gRPC 1.51 calls a plain function with what it has to say, so what that keeps has no other place.
std::atomic<uint64_t>& HandshakesFailed() {
  static std::atomic<uint64_t> count = 0;
  return count;
}

// Called by any thread. Whoever can connect can make gRPC say that a handshake has failed.
void Take(gpr_log_func_args* entry) {
  static std::mutex mutex;
  static base::LogLimit limit(20);
  if (entry->severity != GPR_LOG_SEVERITY_ERROR) return;
  // In gRPC's ssl_transport_security.cc. It says so once of a handshake.
  if (std::string_view(entry->message).starts_with("Handshake failed")) ++HandshakesFailed();
  const std::lock_guard lock(mutex);
  if (!limit.Allow()) return;
  spdlog::warn("grpc: {} (and {} more before it)", entry->message, limit.TakeSuppressed());
}

}  // namespace

void TakeGrpcLog() { gpr_set_log_function(&Take); }

std::vector<Metric> MetricsOfGrpc() {
  return {MakeMetric("auspexd_grpc_handshakes_failed_total",
                     "connections to the gRPC port that did not speak TLS 1.3, or showed no "
                     "certificate, or one that is not of the CA or not valid",
                     HandshakesFailed())};
}

}  // namespace server
