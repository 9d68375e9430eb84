// Who is at the other end of a call, as gRPC or OpenSSL tells it.

#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include <grpcpp/security/auth_context.h>
#include <openssl/types.h>

namespace server {

// The name in the certificate that the caller has shown: the first DNS name among its alternative
// names, else its common name. kUnauthenticated if there is none, or one that cannot name a host:
// longer than 255 bytes, or with anything but printable ASCII, or with blanks.
absl::StatusOr<std::string> CertificateName(const grpc::AuthContext& context);

// Likewise, of a certificate that was verified; null if none was shown.
absl::StatusOr<std::string> CertificateName(const X509* certificate);

// In PEM; empty if there is none.
std::string CertificatePem(const X509* certificate);

struct PeerAddress {
  std::string address;  // As text; an IPv4 address inside an IPv6 one is written as IPv4.
  uint16_t port = 0;
};

// Takes grpc::ServerContextBase::peer() apart: "ipv4:192.0.2.1:1234", "ipv6:%5B::1%5D:1234". Other
// texts are the address, without a port.
PeerAddress ParsePeer(const std::string& peer);

}  // namespace server
