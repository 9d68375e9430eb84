#include "pki/signer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include <openssl/rand.h>

#include "base/clock.h"
#include "pki/subject_encoding.h"

namespace pki {

namespace {

// What is signed holds from a little before it was signed: who has a clock that is behind takes it,
// too. As much as Kerberos allows clocks to differ.
constexpr uint64_t kClockSkewMs = uint64_t{5} * 60 * 1000;

constexpr uint64_t kDayMs = uint64_t{24} * 3600 * 1000;

using IntegerPointer = std::unique_ptr<ASN1_INTEGER, Freer<&ASN1_INTEGER_free>>;
using NumberPointer = std::unique_ptr<BIGNUM, Freer<&BN_free>>;
using RevokedPointer = std::unique_ptr<X509_REVOKED, Freer<&X509_REVOKED_free>>;

// 126 random bits between two that are fixed, so that each is positive and has 32 digits.
std::string RandomSerial() {
  std::array<unsigned char, 16> bytes{};
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) return {};
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x3F) | 0x40);
  std::string serial;
  for (const unsigned char byte : bytes) absl::StrAppendFormat(&serial, "%02X", byte);
  return serial;
}

IntegerPointer IntegerOf(const std::string& serial) {
  BIGNUM* parsed = nullptr;
  if (BN_hex2bn(&parsed, serial.c_str()) == 0) return nullptr;
  const NumberPointer number(parsed);
  return IntegerPointer(BN_to_ASN1_INTEGER(number.get(), nullptr));
}

struct Extension {
  int nid;
  const char* value;
};

// `issuer` and `certificate` are what identifiers of keys are taken from.
bool AddExtensions(std::initializer_list<Extension> extensions, X509* issuer, X509* certificate) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  return std::ranges::all_of(extensions, [&](const Extension& extension) {
    const ExtensionPointer made(
        X509V3_EXT_conf_nid(nullptr, &context, extension.nid, extension.value));
    return made != nullptr && X509_add_ext(certificate, made.get(), -1) == 1;
  });
}

// All but the issuer, the extensions and the signature.
CertificatePointer MakeBare(const std::string& serial, const X509_NAME* subject,
                            uint64_t not_after_ms, EVP_PKEY* key) {
  CertificatePointer certificate(X509_new());
  const IntegerPointer number = IntegerOf(serial);
  const TimePointer not_before = TimeOf(base::NowMs() - kClockSkewMs);
  const TimePointer not_after = TimeOf(not_after_ms);
  if (certificate == nullptr || number == nullptr || not_before == nullptr ||
      not_after == nullptr || subject == nullptr ||
      X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      X509_set_serialNumber(certificate.get(), number.get()) != 1 ||
      X509_set1_notBefore(certificate.get(), not_before.get()) != 1 ||
      X509_set1_notAfter(certificate.get(), not_after.get()) != 1 ||
      X509_set_subject_name(certificate.get(), subject) != 1 ||
      X509_set_pubkey(certificate.get(), key) != 1) {
    return nullptr;
  }
  return certificate;
}

RevokedPointer MakeRevoked(const ASN1_INTEGER* serial, uint64_t revoked_ms) {
  RevokedPointer revoked(X509_REVOKED_new());
  const TimePointer time = TimeOf(revoked_ms);
  if (revoked == nullptr || time == nullptr ||
      X509_REVOKED_set_serialNumber(revoked.get(), const_cast<ASN1_INTEGER*>(serial)) != 1 ||
      X509_REVOKED_set_revocationDate(revoked.get(), time.get()) != 1) {
    return nullptr;
  }
  return revoked;
}

bool Add(RevokedPointer revoked, X509_CRL* list) {
  if (revoked == nullptr || X509_CRL_add0_revoked(list, revoked.get()) != 1) return false;
  static_cast<void>(revoked.release());  // Its owner is the list.
  return true;
}

// Puts into `list` what `old` lists, and those of `certificates` that are revoked and not in it.
bool AddRevoked(X509_CRL* old, const std::vector<IssuedCertificate>& certificates, X509_CRL* list) {
  const STACK_OF(X509_REVOKED)* const listed = old != nullptr ? X509_CRL_get_REVOKED(old) : nullptr;
  for (int i = 0; i < sk_X509_REVOKED_num(listed); ++i) {
    RevokedPointer copy(X509_REVOKED_dup(sk_X509_REVOKED_value(listed, i)));
    if (!Add(std::move(copy), list)) return false;
  }
  for (const IssuedCertificate& certificate : certificates) {
    if (!certificate.revoked_ms) continue;
    const IntegerPointer serial = IntegerOf(certificate.serial);
    if (serial == nullptr) return false;
    X509_REVOKED* found = nullptr;
    if (old != nullptr && X509_CRL_get0_by_serial(old, &found, serial.get()) != 0) continue;
    if (!Add(MakeRevoked(serial.get(), *certificate.revoked_ms), list)) return false;
  }
  return X509_CRL_sort(list) == 1;
}

// Higher than that of any list before, also where that one is lost: the time, unless lists come
// faster than seconds.
IntegerPointer NextNumber(const X509_CRL* old) {
  uint64_t number = 0;
  const IntegerPointer last(static_cast<ASN1_INTEGER*>(
      old != nullptr ? X509_CRL_get_ext_d2i(old, NID_crl_number, nullptr, nullptr) : nullptr));
  if (last != nullptr && ASN1_INTEGER_get_uint64(&number, last.get()) == 1) ++number;
  IntegerPointer next(ASN1_INTEGER_new());
  if (next == nullptr ||
      ASN1_INTEGER_set_uint64(next.get(), std::max(number, base::NowMs() / 1000)) != 1) {
    return nullptr;
  }
  return next;
}

}  // namespace

absl::StatusOr<Signer> Signer::Make(const std::string& name, int days) {
  const bool is_printable = std::ranges::none_of(
      name, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7F'; });
  const NamePointer subject = is_printable && !name.empty() ? DistinguishedName(name) : nullptr;
  if (subject == nullptr || X509_NAME_entry_count(subject.get()) == 0) {
    TakeReason();
    return absl::InvalidArgumentError(
        "the name of a CA is 1 to 64 bytes of printable characters in UTF-8");
  }
  absl::StatusOr<KeyPointer> key = MakeKey();
  if (!key.ok()) return key.status();
  const uint64_t not_after_ms = base::NowMs() + static_cast<uint64_t>(days) * kDayMs;
  CertificatePointer certificate =
      MakeBare(RandomSerial(), subject.get(), not_after_ms, key->get());
  // It signs certificates and lists, but no other CA.
  if (certificate == nullptr || X509_set_issuer_name(certificate.get(), subject.get()) != 1 ||
      !AddExtensions({{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                      {NID_key_usage, "critical,keyCertSign,cRLSign"},
                      {NID_subject_key_identifier, "hash"}},
                     certificate.get(), certificate.get()) ||
      X509_sign(certificate.get(), key->get(), EVP_sha256()) <= 0) {
    return CannotMake("the certificate of a CA");
  }
  std::string pem = PemOf<&PEM_write_bio_X509>(certificate.get());
  if (pem.empty()) return CannotMake("the certificate of a CA");
  return Signer(std::move(certificate), *std::move(key), std::move(pem));
}

absl::StatusOr<Signer> Signer::Parse(const std::string& certificate_pem,
                                     const std::string& key_pem) {
  CertificatePointer certificate(FromPem<&PEM_read_bio_X509>(certificate_pem));
  if (certificate == nullptr) {
    return absl::DataLossError(absl::StrCat("the certificate cannot be read: ", TakeReason()));
  }
  KeyPointer key(FromPem<&PEM_read_bio_PrivateKey>(key_pem));
  if (key == nullptr) {
    return absl::DataLossError(absl::StrCat("the key cannot be read: ", TakeReason()));
  }
  if (X509_check_ca(certificate.get()) != 1) {
    return absl::DataLossError("the certificate is not that of a CA");
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    TakeReason();
    return absl::DataLossError("the key is not that of the certificate");
  }
  return Signer(std::move(certificate), std::move(key), certificate_pem);
}

absl::StatusOr<SignedCertificate> Signer::Certify(const Subject& subject, CertificateKind kind,
                                                  int days, EVP_PKEY* key) const {
  const uint64_t now_ms = base::NowMs();
  if (now_ms >= not_after_ms()) {
    return absl::FailedPreconditionError(
        absl::StrFormat("its own certificate has ended %s", SecondsText(not_after_ms())));
  }
  uint64_t end_ms = std::min(now_ms + static_cast<uint64_t>(days) * kDayMs, not_after_ms());
  end_ms -= end_ms % 1000;
  SignedCertificate made{
      .entry = {
          .serial = RandomSerial(), .kind = kind, .not_after_ms = end_ms, .name = subject.name}};
  const NamePointer distinguished = DistinguishedName(subject.name);
  const CertificatePointer certificate =
      MakeBare(made.entry.serial, distinguished.get(), end_ms, key);
  const ExtensionPointer names = AlternativeNames(subject, kind);
  // A server is no client: with a collector's key nobody can pass as a host or an admin.
  const char* const use = kind == CertificateKind::kServer ? "serverAuth" : "clientAuth";
  if (certificate == nullptr || names == nullptr ||
      X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate_.get())) != 1 ||
      !AddExtensions({{NID_basic_constraints, "critical,CA:FALSE"},
                      {NID_key_usage, "critical,digitalSignature"},
                      {NID_ext_key_usage, use},
                      {NID_subject_key_identifier, "hash"},
                      {NID_authority_key_identifier, "keyid:always"}},
                     certificate_.get(), certificate.get()) ||
      X509_add_ext(certificate.get(), names.get(), -1) != 1 ||
      X509_sign(certificate.get(), key_.get(), EVP_sha256()) <= 0) {
    return CannotMake("a certificate");
  }
  made.pem = PemOf<&PEM_write_bio_X509>(certificate.get());
  if (made.pem.empty()) return CannotMake("a certificate");
  return made;
}

absl::StatusOr<std::string> Signer::ExtendList(
    const std::string& list_pem, const std::vector<IssuedCertificate>& certificates) const {
  CrlPointer old;
  if (!list_pem.empty()) {
    old.reset(FromPem<&PEM_read_bio_X509_CRL>(list_pem));
    if (old == nullptr) {
      return absl::DataLossError(absl::StrCat("cannot be read: ", TakeReason()));
    }
    if (X509_CRL_verify(old.get(), key_.get()) != 1) {
      TakeReason();
      return absl::DataLossError("is not signed by the CA");
    }
  }
  const CrlPointer list(X509_CRL_new());
  const TimePointer now = TimeOf(base::NowMs() - kClockSkewMs);
  const IntegerPointer number = NextNumber(old.get());
  X509V3_CTX context{};
  X509V3_set_ctx(&context, certificate_.get(), nullptr, nullptr, list.get(), 0);
  const ExtensionPointer authority(
      X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid:always"));
  // The next list is promised for when the CA ends. Who checks lists refuses everybody once that
  // day has passed, and a CA that has nothing to revoke for years must not lock out its fleet. A
  // short promise would show a list that somebody holds back; ours is a file on the collector's
  // disk, where whoever can do that can do anything.
  if (list == nullptr || now == nullptr || number == nullptr || authority == nullptr ||
      X509_CRL_set_version(list.get(), X509_CRL_VERSION_2) != 1 ||
      X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(certificate_.get())) != 1 ||
      X509_CRL_set1_lastUpdate(list.get(), now.get()) != 1 ||
      X509_CRL_set1_nextUpdate(list.get(), X509_get0_notAfter(certificate_.get())) != 1 ||
      X509_CRL_add_ext(list.get(), authority.get(), -1) != 1 ||
      X509_CRL_add1_ext_i2d(list.get(), NID_crl_number, number.get(), 0, 0) != 1 ||
      !AddRevoked(old.get(), certificates, list.get()) ||
      X509_CRL_sign(list.get(), key_.get(), EVP_sha256()) <= 0) {
    return CannotMake("a revocation list");
  }
  std::string pem = PemOf<&PEM_write_bio_X509_CRL>(list.get());
  if (pem.empty()) return CannotMake("a revocation list");
  return pem;
}

}  // namespace pki
