#include "server/api/tls_files.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/small_file.h"

namespace server {

namespace {

// Five times the roots that a Linux distribution trusts.
constexpr size_t kFileBytesMax = 1 << 20;

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Bio Reading(const std::string& pem) {
  return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free};
}

// A key under a password is none that a server can use: nobody is there to be asked.
int NoPassword(char*, int, int, void*) { return -1; }

Certificate ReadCertificate(BIO* from) {
  return {PEM_read_bio_X509(from, nullptr, &NoPassword, nullptr), &X509_free};
}

// What failed, and the reason that OpenSSL has for it.
absl::Status Unusable(const char* what) {
  // The first error says what is wrong, those behind it where that was noticed.
  const unsigned long error = ERR_get_error();
  const char* const reason = ERR_reason_error_string(error);
  ERR_clear_error();
  return absl::InvalidArgumentError(
      absl::StrCat(what, ": ", reason != nullptr ? reason : "cannot be used"));
}

absl::Status UseCertificate(const std::string& pem, SSL_CTX* context) {
  const Bio from = Reading(pem);
  const Certificate own = ReadCertificate(from.get());
  if (own == nullptr || SSL_CTX_use_certificate(context, own.get()) != 1) {
    return Unusable("certificate");
  }
  for (;;) {
    Certificate between = ReadCertificate(from.get());
    if (between == nullptr) break;
    if (SSL_CTX_add0_chain_cert(context, between.get()) != 1) return Unusable("certificate");
    (void)between.release();  // The context has it.
  }
  // That there is no more is no error.
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) return Unusable("certificate");
  ERR_clear_error();
  return absl::OkStatus();
}

absl::Status UseKey(const std::string& pem, SSL_CTX* context) {
  const Bio from = Reading(pem);
  const Key key(PEM_read_bio_PrivateKey(from.get(), nullptr, &NoPassword, nullptr), &EVP_PKEY_free);
  const bool is_used = key != nullptr && SSL_CTX_use_PrivateKey(context, key.get()) == 1;
  return is_used ? absl::OkStatus() : Unusable("key");
}

absl::Status UseRoots(const std::string& pem, SSL_CTX* context) {
  const Bio from = Reading(pem);
  size_t count = 0;
  for (;; ++count) {
    const Certificate root = ReadCertificate(from.get());
    if (root == nullptr) break;
    // Browsers offer their users the certificates of these.
    const bool is_used = X509_STORE_add_cert(SSL_CTX_get_cert_store(context), root.get()) == 1 &&
                         SSL_CTX_add_client_CA(context, root.get()) == 1;
    if (!is_used) return Unusable("CA");
  }
  const bool is_whole = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (count == 0 || !is_whole) return Unusable("CA");
  ERR_clear_error();
  return absl::OkStatus();
}

// Puts the name of the file behind the word for it, with which the message begins.
absl::Status Naming(const TlsFiles& files, const absl::Status& status) {
  const std::string message(status.message());
  const std::string what = message.substr(0, message.find(':'));
  const std::string& file = what == "certificate" ? files.certificate
                            : what == "key"       ? files.key
                                                  : files.ca;
  return {status.code(), absl::StrFormat("%s %s%s", what, file, message.substr(what.size()))};
}

}  // namespace

absl::StatusOr<TlsMaterial> ReadTlsFiles(const TlsFiles& files) {
  TlsMaterial material;
  const struct {
    const char* what;
    const std::string& file;
    std::string* content;
  } parts[] = {{"certificate", files.certificate, &material.certificate},
               {"key", files.key, &material.key},
               {"CA", files.ca, &material.ca}};
  for (const auto& [what, file, content] : parts) {
    absl::StatusOr<std::string> read = base::ReadSmallFile(file, kFileBytesMax + 1);
    if (read.ok() && read->size() > kFileBytesMax) {
      return absl::InvalidArgumentError(absl::StrCat(what, " ", file, ": more than 1 MB"));
    }
    if (!read.ok()) {
      return absl::Status(read.status().code(), absl::StrCat(what, " ", read.status().message()));
    }
    *content = *std::move(read);
  }
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> trial(SSL_CTX_new(TLS_server_method()),
                                                                &SSL_CTX_free);
  if (trial == nullptr) return absl::InternalError("OpenSSL makes no context");
  const absl::Status used = UseMaterial(material, trial.get());
  if (!used.ok()) return Naming(files, used);
  return material;
}

absl::Status UseMaterial(const TlsMaterial& material, SSL_CTX* context) {
  ERR_clear_error();
  absl::Status used = UseCertificate(material.certificate, context);
  if (used.ok()) used = UseKey(material.key, context);
  if (used.ok()) used = UseRoots(material.ca, context);
  return used;
}

}  // namespace server
