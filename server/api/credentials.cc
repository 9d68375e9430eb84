#include "server/api/credentials.h"

#include <utility>

#include "base/clock.h"

namespace server {

std::optional<KnownSecret> Credentials::Find(std::string_view secret) const {
  const std::string digest = pki::DigestOf(secret);
  const std::lock_guard lock(mutex_);
  const auto found = secrets_.find(digest);
  if (found == secrets_.end() || found->second.not_after_ms < base::NowMs()) return std::nullopt;
  return found->second;
}

bool Credentials::IsValid(const std::string& digest) const {
  const std::lock_guard lock(mutex_);
  const auto found = secrets_.find(digest);
  return found != secrets_.end() && found->second.not_after_ms >= base::NowMs();
}

bool Credentials::IsRevoked(const pki::CertificateId& certificate) const {
  std::shared_ptr<const pki::RevocationList> revoked;
  {
    const std::lock_guard lock(mutex_);
    revoked = revoked_;
  }
  return revoked != nullptr && revoked->IsRevoked(certificate);
}

void Credentials::ReplaceTokens(std::vector<pki::Secret> tokens) {
  Replace(KnownSecret::Kind::kToken, std::move(tokens));
}

void Credentials::ReplaceInvitations(std::vector<pki::Secret> invitations) {
  Replace(KnownSecret::Kind::kInvitation, std::move(invitations));
}

void Credentials::Replace(KnownSecret::Kind kind, std::vector<pki::Secret> secrets) {
  const std::lock_guard lock(mutex_);
  absl::erase_if(secrets_, [&](const auto& entry) { return entry.second.kind == kind; });
  for (pki::Secret& secret : secrets) {
    KnownSecret known{.kind = kind,
                      .name = std::move(secret.name),
                      .digest = std::move(secret.digest),
                      .not_after_ms = secret.not_after_ms};
    secrets_.try_emplace(known.digest, std::move(known));
  }
}

void Credentials::ReplaceRevoked(std::optional<pki::RevocationList> revoked) {
  std::shared_ptr<const pki::RevocationList> replaced;
  if (revoked) replaced = std::make_shared<const pki::RevocationList>(*std::move(revoked));
  const std::lock_guard lock(mutex_);
  revoked_.swap(replaced);
}

bool Credentials::ForgetEnded() {
  const uint64_t now_ms = base::NowMs();
  const std::lock_guard lock(mutex_);
  return absl::erase_if(secrets_,
                        [&](const auto& entry) { return entry.second.not_after_ms < now_ms; }) > 0;
}

}  // namespace server
