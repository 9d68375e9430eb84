// OpenSSL's objects with owners, and its errors as text. For sources: the headers that others
// include do without it.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace pki {

template <auto Free>
struct Freer {
  template <typename Object>
  void operator()(Object* object) const {
    Free(object);
  }
};

using BioPointer = std::unique_ptr<BIO, Freer<&BIO_free_all>>;
using CertificatePointer = std::unique_ptr<X509, Freer<&X509_free>>;
using CrlPointer = std::unique_ptr<X509_CRL, Freer<&X509_CRL_free>>;
using ExtensionPointer = std::unique_ptr<X509_EXTENSION, Freer<&X509_EXTENSION_free>>;
using KeyPointer = std::unique_ptr<EVP_PKEY, Freer<&EVP_PKEY_free>>;
using NamePointer = std::unique_ptr<X509_NAME, Freer<&X509_NAME_free>>;
using RequestPointer = std::unique_ptr<X509_REQ, Freer<&X509_REQ_free>>;
using TimePointer = std::unique_ptr<ASN1_TIME, Freer<&ASN1_TIME_free>>;

// Why OpenSSL has failed, in its words. Forgets what it has kept of this thread's errors.
std::string TakeReason();

// What only a lack of memory or of entropy can bring about: kInternal, "cannot make WHAT: reason".
absl::Status CannotMake(const char* what);

// A view of bytes, which must outlive it. nullptr if there is no memory.
BioPointer BytesToRead(std::string_view bytes);

// Empty if `Write` fails.
template <auto Write, typename Object>
std::string PemOf(const Object* object) {
  const BioPointer bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || Write(bio.get(), object) != 1) return {};
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<size_t>(size)};
}

// PKCS#8, not encrypted. Empty if it fails.
std::string KeyPem(const EVP_PKEY* key);

// For encrypted PEM, which then cannot be read: without it OpenSSL asks the terminal for a
// passphrase.
int NoPassphrase(char* buffer, int size, int is_writing, void* context);

// The first of its kind in a text of PEM, for the caller to own; nullptr if there is none that can
// be read.
template <auto Read>
auto FromPem(std::string_view pem) {
  const BioPointer bio = BytesToRead(pem);
  return bio == nullptr ? nullptr : Read(bio.get(), nullptr, NoPassphrase, nullptr);
}

// A new P-256 key: whatever speaks TLS 1.3 has to know these, and they are the cheapest to sign
// with, which counts where ten thousand hosts connect at once.
absl::StatusOr<KeyPointer> MakeKey();

// A serial number as a key of a hash: the sign, then the bytes, of which a number has one form in
// DER.
std::string SerialKey(const ASN1_INTEGER* serial);

TimePointer TimeOf(uint64_t time_ms);

// Milliseconds since the epoch; 0 if it is before that.
uint64_t TimeMs(const ASN1_TIME* time);

}  // namespace pki
