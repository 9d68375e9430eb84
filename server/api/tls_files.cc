#include "server/api/tls_files.h"

#include <memory>

#include "absl/strings/str_format.h"
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace server {

namespace {

absl::Status Unusable(const char* what, const std::string& file) {
  // The first error says what is wrong, those behind it where that was noticed.
  const unsigned long error = ERR_get_error();
  const char* const reason = ERR_reason_error_string(error);
  ERR_clear_error();
  return absl::InvalidArgumentError(
      absl::StrFormat("%s %s: %s", what, file, reason != nullptr ? reason : "cannot be used"));
}

}  // namespace

absl::Status CheckTlsFiles(const TlsFiles& files) {
  ERR_clear_error();
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_server_method()),
                                                                  &SSL_CTX_free);
  if (context == nullptr) return absl::InternalError("OpenSSL makes no context");
  if (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1) {
    return Unusable("certificate", files.certificate);
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return Unusable("key", files.key);
  }
  if (SSL_CTX_load_verify_locations(context.get(), files.ca.c_str(), nullptr) != 1) {
    return Unusable("CA", files.ca);
  }
  return absl::OkStatus();
}

}  // namespace server
