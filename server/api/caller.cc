#include "server/api/caller.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

#include "server/api/peer_name.h"

namespace server {

absl::StatusOr<Caller> Callers::Find(const grpc::ServerContextBase& context) const {
  const std::string peer = context.peer();
  if (const std::optional<LocalCaller> local = local_callers_.Find(peer)) {
    return Caller{.name = absl::StrCat("uid ", local->uid),
                  .proof = Caller::Proof::kSocket,
                  .grant = {.role = Role::kAdmin}};
  }
  absl::StatusOr<std::string> name = CertificateName(*context.auth_context());
  if (!name.ok()) return name.status();
  PeerAddress address = ParsePeer(peer);
  Caller caller{
      .name = *std::move(name), .address = std::move(address.address), .port = address.port};
  caller.grant = GrantOf(caller);
  return caller;
}

Grant Callers::GrantOf(const Caller& caller) const {
  // The access file says nothing of the socket: whoever the kernel lets in is an admin.
  return caller.proof == Caller::Proof::kSocket ? caller.grant : access_.GrantOf(caller.name);
}

}  // namespace server
