// Which certificate one is, for as long as somebody holds it.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct X509_name_st;  // OpenSSL's X509_NAME.

namespace pki {

// Its issuer and its serial number, which tell it from all others (RFC 5280, 4.1.2.2). Immutable,
// and for any thread.
class CertificateId {
 public:
  // Of the first certificate in a text of PEM. None if that cannot be read, or is too long for a
  // certificate.
  static std::optional<CertificateId> Of(std::string_view certificate_pem);

  const X509_name_st* issuer() const { return issuer_.get(); }

  // As SerialKey() in openssl.h.
  const std::string& serial() const { return serial_; }

 private:
  CertificateId() = default;

  std::shared_ptr<const X509_name_st> issuer_;
  std::string serial_;
};

}  // namespace pki
