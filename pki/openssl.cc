#include "pki/openssl.h"

#include <ctime>

#include "absl/strings/str_format.h"
#include <openssl/ec.h>
#include <openssl/err.h>

namespace pki {

namespace {

int WriteKey(BIO* bio, const EVP_PKEY* key) {
  return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
}

}  // namespace

std::string TakeReason() {
  // The first error says what is wrong, those behind it where that was noticed.
  const unsigned long error = ERR_get_error();
  const char* const reason = ERR_reason_error_string(error);
  ERR_clear_error();
  return reason != nullptr ? reason : "unknown error";
}

absl::Status CannotMake(const char* what) {
  return absl::InternalError(absl::StrFormat("cannot make %s: %s", what, TakeReason()));
}

BioPointer BytesToRead(std::string_view bytes) {
  return BioPointer(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

std::string KeyPem(const EVP_PKEY* key) { return PemOf<&WriteKey>(key); }

int NoPassphrase(char*, int, int, void*) { return -1; }

absl::StatusOr<KeyPointer> MakeKey() {
  KeyPointer key(EVP_EC_gen("P-256"));
  if (key == nullptr) return CannotMake("a key");
  return key;
}

std::string SerialKey(const ASN1_INTEGER* serial) {
  std::string key(1, ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER ? '-' : '+');
  return key.append(reinterpret_cast<const char*>(ASN1_STRING_get0_data(serial)),
                    static_cast<size_t>(ASN1_STRING_length(serial)));
}

TimePointer TimeOf(uint64_t time_ms) {
  return TimePointer(ASN1_TIME_set(nullptr, static_cast<time_t>(time_ms / 1000)));
}

uint64_t TimeMs(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  const time_t seconds = timegm(&parts);
  return seconds > 0 ? static_cast<uint64_t>(seconds) * 1000 : 0;
}

}  // namespace pki
