#include "server/api/caller.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace server {

absl::StatusOr<Caller> Callers::Find(Proofs proofs) const {
  if (proofs.local) {
    return Caller{.name = absl::StrCat("uid ", proofs.local->uid),
                  .proof = Caller::Proof::kSocket,
                  .uid = proofs.local->uid,
                  .grant = {.role = Role::kAdmin}};
  }
  if (!proofs.certificate_name.ok()) return proofs.certificate_name.status();
  Caller caller{.name = *std::move(proofs.certificate_name),
                .address = std::move(proofs.address),
                .port = proofs.port};
  caller.grant = GrantOf(caller);
  return caller;
}

Grant Callers::GrantOf(const Caller& caller) const {
  // The access file says nothing of the socket: whoever the kernel lets in is an admin.
  return caller.proof == Caller::Proof::kSocket ? caller.grant : access_.GrantOf(caller.name);
}

}  // namespace server
