#include "server/api/caller.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace server {

namespace {

// In front of the name of a token, so that it is nobody's certificate.
constexpr char kTokenPrefix[] = "token:";

// See RFC 6750, 2.1; names of schemes may be written in upper or lower case.
constexpr char kBearer[] = "bearer ";

}  // namespace

absl::StatusOr<Caller> Callers::Find(Proofs proofs) const {
  if (proofs.local) {
    return Caller{.name = absl::StrCat("uid ", proofs.local->uid),
                  .proof = Caller::Proof::kSocket,
                  .uid = proofs.local->uid,
                  .grant = {.role = Role::kAdmin}};
  }
  absl::StatusOr<Caller> caller = proofs.authorization.empty()
                                      ? FindByCertificate(std::move(proofs))
                                      : FindBySecret(std::move(proofs));
  if (caller.ok()) caller->grant = GrantOf(*caller);
  return caller;
}

absl::StatusOr<Caller> Callers::FindByCertificate(Proofs proofs) const {
  if (!proofs.certificate_name.ok()) return proofs.certificate_name.status();
  if (absl::StartsWith(*proofs.certificate_name, kTokenPrefix)) {
    return absl::UnauthenticatedError("the name in the certificate is that of a token");
  }
  std::optional<pki::CertificateId> certificate = pki::CertificateId::Of(proofs.certificate_pem);
  if (!certificate) {
    return absl::UnauthenticatedError(
        absl::StrCat("the certificate of ", *proofs.certificate_name, " cannot be read"));
  }
  if (credentials_.IsRevoked(*certificate)) {
    return absl::UnauthenticatedError(
        absl::StrCat("the certificate of ", *proofs.certificate_name, " was revoked"));
  }
  return Caller{.name = *std::move(proofs.certificate_name),
                .certificate = std::move(certificate),
                .address = std::move(proofs.address),
                .port = proofs.port};
}

absl::StatusOr<Caller> Callers::FindBySecret(Proofs proofs) const {
  const std::string& header = proofs.authorization;
  if (!absl::StartsWithIgnoreCase(header, kBearer)) {
    return absl::UnauthenticatedError("the scheme of authorization is not Bearer");
  }
  const std::optional<KnownSecret> known =
      credentials_.Find(std::string_view(header).substr(sizeof(kBearer) - 1));
  if (!known) return absl::UnauthenticatedError("there is no such token, or it is over");
  const bool is_token = known->kind == KnownSecret::Kind::kToken;
  return Caller{.name = is_token ? kTokenPrefix + known->name : known->name,
                .proof = is_token ? Caller::Proof::kToken : Caller::Proof::kInvitation,
                .secret = known->digest,
                .address = std::move(proofs.address),
                .port = proofs.port};
}

Grant Callers::GrantOf(const Caller& caller) const {
  switch (caller.proof) {
    case Caller::Proof::kSocket:
      // The access file says nothing of it: whoever the kernel lets in is an admin.
      return caller.grant;
    case Caller::Proof::kInvitation:
      // The CA asks again, and takes it away in the middle of the call that it is for.
      return {.role = Role::kInvited};
    case Caller::Proof::kToken: {
      if (!credentials_.IsValid(caller.secret)) return {};
      Grant grant = access_.GrantOf(caller.name);
      return grant.role == Role::kIngest ? Grant() : grant;
    }
    case Caller::Proof::kCertificate:
      break;
  }
  return credentials_.IsRevoked(*caller.certificate) ? Grant() : access_.GrantOf(caller.name);
}

}  // namespace server
