#include "server/api/peer_name.h"

#include <algorithm>

#include "absl/strings/str_replace.h"
#include <boost/asio/ip/address.hpp>
#include <grpc/grpc_security_constants.h>

#include "base/number.h"
#include "server/config.h"
#include "server/plain_address.h"

namespace server {

namespace {

// Of TLS certificates gRPC tells these, too.
constexpr char kDnsName[] = "peer_dns";

std::string FirstOf(const grpc::AuthContext& context, const char* property) {
  const auto values = context.FindPropertyValues(property);
  if (values.empty()) return {};
  return {values.front().data(), values.front().size()};
}

bool IsPrintable(char c) { return c > ' ' && c <= '~'; }

}  // namespace

absl::StatusOr<std::string> CertificateName(const grpc::AuthContext& context) {
  std::string name;
  if (context.IsPeerAuthenticated()) {
    name = FirstOf(context, kDnsName);
    if (name.empty()) name = FirstOf(context, GRPC_X509_CN_PROPERTY_NAME);
  }
  if (name.empty()) return absl::UnauthenticatedError("no certificate with a name was shown");
  if (name.size() > kNameBytesMax || !std::ranges::all_of(name, IsPrintable)) {
    return absl::UnauthenticatedError("the name in the certificate cannot name a host");
  }
  return name;
}

PeerAddress ParsePeer(const std::string& peer) {
  const std::string text = absl::StrReplaceAll(peer, {{"%5B", ""}, {"%5D", ""}});
  const size_t kind = text.find(':');
  const size_t colon = text.rfind(':');
  if ((!text.starts_with("ipv4:") && !text.starts_with("ipv6:")) || colon == kind) {
    return {.address = peer};
  }
  PeerAddress parsed{.address = text.substr(kind + 1, colon - kind - 1)};
  parsed.port = base::ParseNumber<uint16_t>(text.substr(colon + 1)).value_or(0);
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(parsed.address, error);
  if (!error) parsed.address = PlainAddress(address).to_string();
  return parsed;
}

}  // namespace server
