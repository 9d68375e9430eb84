#include "server/api/peer_name.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_replace.h"
#include <boost/asio/ip/address.hpp>
#include <grpc/grpc_security_constants.h>
#include <openssl/x509v3.h>

#include "base/number.h"
#include "pki/openssl.h"
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

std::string TextOf(const ASN1_STRING* text) {
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, text);
  if (size < 0) return {};
  std::string name(reinterpret_cast<const char*>(utf8), static_cast<size_t>(size));
  OPENSSL_free(utf8);
  return name;
}

std::string FirstDnsName(const X509* certificate) {
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      &GENERAL_NAMES_free);
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) return TextOf(name->d.dNSName);
  }
  return {};
}

std::string CommonName(const X509* certificate) {
  const X509_NAME* const subject = X509_get_subject_name(certificate);
  const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (index < 0) return {};
  return TextOf(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
}

absl::StatusOr<std::string> Checked(std::string name) {
  if (name.empty()) return absl::UnauthenticatedError("no certificate with a name was shown");
  if (name.size() > kNameBytesMax || !std::ranges::all_of(name, IsPrintable)) {
    return absl::UnauthenticatedError("the name in the certificate cannot name a host");
  }
  return name;
}

}  // namespace

absl::StatusOr<std::string> CertificateName(const grpc::AuthContext& context) {
  if (!context.IsPeerAuthenticated()) return Checked("");
  std::string name = FirstOf(context, kDnsName);
  return Checked(name.empty() ? FirstOf(context, GRPC_X509_CN_PROPERTY_NAME) : std::move(name));
}

absl::StatusOr<std::string> CertificateName(const X509* certificate) {
  if (certificate == nullptr) return Checked("");
  std::string name = FirstDnsName(certificate);
  return Checked(name.empty() ? CommonName(certificate) : std::move(name));
}

std::string CertificatePem(const X509* certificate) {
  return certificate == nullptr ? "" : pki::PemOf<&PEM_write_bio_X509>(certificate);
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
