#include "server/host_sessions.h"

namespace server {

HostSessions::Place::~Place() {
  const std::lock_guard lock(sessions_.mutex_);
  sessions_.Leave(host_);
}

void HostSessions::Place::MoveTo(const storage::Identity& host) {
  if (host_ == host) return;
  const std::lock_guard lock(sessions_.mutex_);
  sessions_.Leave(host_);
  host_ = host;
  ++sessions_.open_[host];
}

// With mutex_ held.
void HostSessions::Leave(const std::optional<storage::Identity>& host) {
  if (!host) return;
  const auto place = open_.find(*host);
  if (--place->second == 0) open_.erase(place);
}

absl::flat_hash_map<storage::Identity, uint64_t> HostSessions::Open() const {
  const std::lock_guard lock(mutex_);
  return open_;
}

}  // namespace server
