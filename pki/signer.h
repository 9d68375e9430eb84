// The certificate and the key of a CA, in memory: makes certificates and revocation lists.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "pki/openssl.h"
#include "pki/register.h"
#include "pki/subject.h"

namespace pki {

struct SignedCertificate {
  std::string pem = {};
  IssuedCertificate entry;  // Of the register.
};

// Immutable, and for any thread.
class Signer {
 public:
  // A new CA: a P-256 key and a certificate that signs itself. kInvalidArgument if the name is
  // empty, longer than 64 bytes, not UTF-8 or not printable.
  static absl::StatusOr<Signer> Make(const std::string& name, int days);

  // kDataLoss if one of them cannot be read, is of no CA, or they do not belong together.
  static absl::StatusOr<Signer> Parse(const std::string& certificate_pem,
                                      const std::string& key_pem);

  const std::string& certificate_pem() const { return certificate_pem_; }
  std::string key_pem() const { return KeyPem(key_.get()); }
  uint64_t not_after_ms() const { return TimeMs(X509_get0_notAfter(certificate_.get())); }

  // A certificate for the owner of `key`, with a serial number that nobody can guess. It ends
  // after `days`, or with the CA's own: kFailedPrecondition if that has come. The subject must have
  // passed CheckSubject().
  absl::StatusOr<SignedCertificate> Certify(const Subject& subject, CertificateKind kind, int days,
                                            EVP_PKEY* key) const;

  // A revocation list, in PEM, of what `list_pem` lists and of those of `certificates` that are
  // revoked. The former may be empty, for none; kDataLoss if it is no list of this CA.
  absl::StatusOr<std::string> ExtendList(const std::string& list_pem,
                                         const std::vector<IssuedCertificate>& certificates) const;

 private:
  Signer(CertificatePointer certificate, KeyPointer key, std::string certificate_pem)
      : certificate_(std::move(certificate)),
        key_(std::move(key)),
        certificate_pem_(std::move(certificate_pem)) {}

  CertificatePointer certificate_;
  KeyPointer key_;
  std::string certificate_pem_;
};

}  // namespace pki
