// Who makes a call, and what it may do.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

#include "server/api/access.h"
#include "server/api/credentials.h"
#include "server/api/local_callers.h"

namespace server {

struct Caller {
  // How we know who it is.
  enum class Proof : uint8_t {
    kCertificate,  // One that our CA has signed.
    kToken,        // See `auspex token`.
    kInvitation,   // See `auspex ca invite`.
    kSocket,       // The kernel says who is at the other end of the unix socket.
  };

  // In the certificate or the invitation; "token:grafana" of a token, "uid 1000" through the
  // socket.
  std::string name;
  Proof proof = Proof::kCertificate;
  std::optional<pki::CertificateId> certificate = {};  // What was shown, or
  std::string secret = {};                             // the digest of that.
  uid_t uid = 0;                                       // Through the socket.
  Grant grant = {};                                    // What it might do when the call began.
  std::string address = {};                            // Empty through the socket.
  uint16_t port = 0;
};

// What a caller has shown, whatever way it came.
struct Proofs {
  std::optional<LocalCaller> local = {};
  std::string authorization = {};  // What the header of this name says; empty if there is none.
  absl::StatusOr<std::string> certificate_name;  // As CertificateName() tells it.
  std::string certificate_pem = {};
  std::string address = {};
  uint16_t port = 0;
};

// Finds out who calls, for any thread.
class Callers {
 public:
  // Must outlive the object.
  Callers(const Access& access, const Credentials& credentials)
      : access_(access), credentials_(credentials) {}

  // kUnauthenticated if it does not show who it is. Who shows a secret is whose secret it is,
  // whatever its certificate says.
  absl::StatusOr<Caller> Find(Proofs proofs) const;

  // What the caller may do now. Tokens are for readers: whoever shows one delivers nothing.
  Grant GrantOf(const Caller& caller) const;

 private:
  absl::StatusOr<Caller> FindByCertificate(Proofs proofs) const;
  absl::StatusOr<Caller> FindBySecret(Proofs proofs) const;

  const Access& access_;
  const Credentials& credentials_;
};

}  // namespace server
