#include "pki/requested_key.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_format.h"
#include <openssl/core_names.h>
#include <openssl/objects.h>

namespace pki {

namespace {

// Below it RSA is weak (NIST SP 800-57); beyond it checking a signature takes the time of others.
constexpr int kRsaBitsMin = 2048;
constexpr int kRsaBitsMax = 8192;

constexpr std::string_view kCurves[] = {SN_X9_62_prime256v1, SN_secp384r1, SN_secp521r1};

absl::Status Refused(std::string_view why) {
  TakeReason();  // What is left of it is nobody's error any more.
  return absl::InvalidArgumentError(absl::StrFormat("request: %s", why));
}

absl::Status CheckCurve(const EVP_PKEY* key) {
  // A curve that is spelled out instead of named may be another one with the same points to start
  // with (CVE-2020-0601).
  int is_explicit = 0;
  if (EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit) ==
          1 &&
      is_explicit != 0) {
    return Refused("its curve has no name");
  }
  char name[32] = {};
  size_t size = 0;
  const bool is_named = EVP_PKEY_get_group_name(key, name, sizeof(name), &size) == 1;
  if (!is_named || std::ranges::find(kCurves, std::string_view(name, size)) == std::end(kCurves)) {
    return Refused("its curve is none of P-256, P-384 and P-521");
  }
  return absl::OkStatus();
}

absl::Status CheckStrength(EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_ED25519:
      return absl::OkStatus();
    case EVP_PKEY_EC:
      return CheckCurve(key);
    case EVP_PKEY_RSA: {
      const int bits = EVP_PKEY_get_bits(key);
      if (bits >= kRsaBitsMin && bits <= kRsaBitsMax) return absl::OkStatus();
      return Refused(
          absl::StrFormat("its RSA key has %d bits, not %d to %d", bits, kRsaBitsMin, kRsaBitsMax));
    }
    default:
      return Refused("its key is none of EC, Ed25519 and RSA");
  }
}

// Whether it is a key at all. OpenSSL knows no way in which an Ed25519 key could be none.
bool IsSound(EVP_PKEY* key) {
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519) return true;
  using ContextPointer = std::unique_ptr<EVP_PKEY_CTX, Freer<&EVP_PKEY_CTX_free>>;
  const ContextPointer context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  return context != nullptr && EVP_PKEY_public_check(context.get()) == 1;
}

}  // namespace

absl::StatusOr<KeyPointer> RequestedKey(std::string_view request_pem) {
  if (request_pem.size() > kRequestBytesMax) {
    return Refused(absl::StrFormat("longer than %d bytes", kRequestBytesMax));
  }
  const RequestPointer request(FromPem<&PEM_read_bio_X509_REQ>(request_pem));
  if (request == nullptr) return Refused("cannot be read: " + TakeReason());
  KeyPointer key(X509_REQ_get_pubkey(request.get()));
  if (key == nullptr) return Refused("its key cannot be read: " + TakeReason());
  const absl::Status strength = CheckStrength(key.get());
  if (!strength.ok()) return strength;
  if (X509_REQ_verify(request.get(), key.get()) != 1) {
    return Refused("is not signed by the key that it is for");
  }
  // After the signature, because looking for factors takes longer.
  if (!IsSound(key.get())) return Refused("its key is unsound");
  return key;
}

}  // namespace pki
