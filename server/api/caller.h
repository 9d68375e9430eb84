// Who makes a call, and what it may do.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

#include "server/api/access.h"
#include "server/api/local_callers.h"

namespace server {

struct Caller {
  // How we know who it is.
  enum class Proof : uint8_t {
    kCertificate,  // One that our CA has signed.
    kSocket,       // The kernel says who is at the other end of the unix socket.
  };

  std::string name;  // In the certificate; "uid 1000" through the socket.
  Proof proof = Proof::kCertificate;
  uid_t uid = 0;             // Through the socket.
  Grant grant = {};          // What it might do when the call began.
  std::string address = {};  // Empty through the socket.
  uint16_t port = 0;
};

// What a caller has shown, whatever way it came.
struct Proofs {
  std::optional<LocalCaller> local = {};
  absl::StatusOr<std::string> certificate_name;  // As CertificateName() tells it.
  std::string address = {};
  uint16_t port = 0;
};

// Finds out who calls, for any thread.
class Callers {
 public:
  // Must outlive the object.
  explicit Callers(const Access& access) : access_(access) {}

  // kUnauthenticated if it does not show who it is.
  absl::StatusOr<Caller> Find(Proofs proofs) const;

  // What the caller may do now.
  Grant GrantOf(const Caller& caller) const;

 private:
  const Access& access_;
};

}  // namespace server
