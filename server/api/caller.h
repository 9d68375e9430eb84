// Who makes a call, and what it may do.

#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include <grpcpp/server_context.h>

#include "server/api/access.h"
#include "server/api/local_socket.h"

namespace server {

struct Caller {
  // How we know who it is.
  enum class Proof : uint8_t {
    kCertificate,  // One that our CA has signed.
    kSocket,       // The kernel says who is at the other end of the unix socket.
  };

  std::string name;  // In the certificate; "uid 1000" through the socket.
  Proof proof = Proof::kCertificate;
  Grant grant = {};          // What it might do when the call began.
  std::string address = {};  // Empty through the socket.
  uint16_t port = 0;
};

// Finds out who calls, for any thread.
class Callers {
 public:
  // Both must outlive the object.
  Callers(const Access& access, const LocalCallers& local_callers)
      : access_(access), local_callers_(local_callers) {}

  // kUnauthenticated if it does not show who it is.
  absl::StatusOr<Caller> Find(const grpc::ServerContextBase& context) const;

  // What the caller may do now.
  Grant GrantOf(const Caller& caller) const;

 private:
  const Access& access_;
  const LocalCallers& local_callers_;
};

}  // namespace server
