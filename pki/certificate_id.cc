#include "pki/certificate_id.h"

#include <openssl/err.h>

#include "pki/openssl.h"

namespace pki {

namespace {

// With the extensions of any CA.
constexpr size_t kCertificateBytesMax = 1 << 18;

}  // namespace

std::optional<CertificateId> CertificateId::Of(std::string_view certificate_pem) {
  if (certificate_pem.size() > kCertificateBytesMax) return std::nullopt;
  const CertificatePointer certificate(FromPem<&PEM_read_bio_X509>(certificate_pem));
  if (certificate == nullptr) {
    ERR_clear_error();
    return std::nullopt;
  }
  CertificateId id;
  id.issuer_ = {X509_NAME_dup(X509_get_issuer_name(certificate.get())), &X509_NAME_free};
  id.serial_ = SerialKey(X509_get0_serialNumber(certificate.get()));
  return id;
}

}  // namespace pki
