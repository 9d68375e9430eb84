// Who has connected through the unix socket: see local_socket.h.

#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <sys/types.h>

#include "absl/container/flat_hash_map.h"

namespace server {

// Who is at the other end of a connection: see unix(7), SO_PEERCRED.
struct LocalCaller {
  uid_t uid = 0;
  pid_t pid = 0;
};

// The connections that gRPC was given. For any thread.
class LocalCallers {
 public:
  void Add(int descriptor, const LocalCaller& caller);

  // Of a call, by grpc::ServerContextBase::peer(). None if it came in another way.
  std::optional<LocalCaller> Find(const std::string& peer) const;

 private:
  mutable std::mutex mutex_;
  absl::flat_hash_map<std::string, LocalCaller> callers_;  // By peer. Guarded by mutex_.
};

}  // namespace server
