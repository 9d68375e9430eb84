// What callers show beside a certificate of the CA, and what of it counts: tokens of readers,
// invitations of hosts, and which certificates were revoked.

#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "pki/certificate_id.h"
#include "pki/revocation_list.h"
#include "pki/secret_file.h"

namespace server {

struct KnownSecret {
  enum class Kind : uint8_t { kToken, kInvitation };

  Kind kind = Kind::kToken;
  std::string name = {};
  std::string digest = {};  // As pki::DigestOf().
  uint64_t not_after_ms = 0;
};

// For any thread.
class Credentials {
 public:
  // Whose secret it is. None if nobody's, or if it is over.
  std::optional<KnownSecret> Find(std::string_view secret) const;

  // Whether the secret of a digest still counts.
  bool IsValid(const std::string& digest) const;

  // Whether the certificate was revoked by one of the lists.
  bool IsRevoked(const pki::CertificateId& certificate) const;

  void ReplaceTokens(std::vector<pki::Secret> tokens);
  void ReplaceInvitations(std::vector<pki::Secret> invitations);
  void ReplaceRevoked(std::optional<pki::RevocationList> revoked);  // None: nothing is revoked.

  // Forgets the secrets that are over. True if there were any.
  bool ForgetEnded();

 private:
  void Replace(KnownSecret::Kind kind, std::vector<pki::Secret> secrets);

  mutable std::mutex mutex_;                               // Guards what follows.
  absl::flat_hash_map<std::string, KnownSecret> secrets_;  // By digest.
  std::shared_ptr<const pki::RevocationList> revoked_;     // Null: no list.
};

}  // namespace server
