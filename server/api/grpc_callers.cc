#include "server/api/grpc_callers.h"

#include <string>
#include <utility>

#include <grpc/grpc_security_constants.h>

#include "server/api/peer_name.h"

namespace server {

namespace {

std::string CertificateOf(const grpc::AuthContext& context) {
  const auto values = context.FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  return values.empty() ? std::string() : std::string(values[0].data(), values[0].size());
}

}  // namespace

absl::StatusOr<Caller> GrpcCallers::Find(const grpc::CallbackServerContext& context) const {
  const std::string peer = context.peer();
  PeerAddress address = ParsePeer(peer);
  Proofs proofs{.local = local_callers_.Find(peer),
                .certificate_name = CertificateName(*context.auth_context()),
                .certificate_pem = CertificateOf(*context.auth_context()),
                .address = std::move(address.address),
                .port = address.port};
  const auto authorization = context.client_metadata().find("authorization");
  if (authorization != context.client_metadata().end()) {
    proofs.authorization.assign(authorization->second.data(), authorization->second.size());
  }
  return callers_.Find(std::move(proofs));
}

}  // namespace server
