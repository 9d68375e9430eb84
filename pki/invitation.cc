#include "pki/invitation.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include <openssl/sha.h>
#include <openssl/x509_vfy.h>

#include "pki/openssl.h"
#include "pki/subject.h"

namespace pki {

namespace {

constexpr size_t kSecretCharacters = 43;
constexpr size_t kDigestCharacters = 43;

// A server shows a few certificates.
constexpr size_t kChainMax = 16;

using StorePointer = std::unique_ptr<X509_STORE, Freer<&X509_STORE_free>>;
using CheckPointer = std::unique_ptr<X509_STORE_CTX, Freer<&X509_STORE_CTX_free>>;

std::string DigestOfCertificate(const X509* certificate) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  unsigned size = 0;
  if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) != 1) return {};
  return absl::WebSafeBase64Escape({reinterpret_cast<const char*>(digest.data()), size});
}

std::vector<CertificatePointer> CertificatesOf(std::string_view pem) {
  std::vector<CertificatePointer> certificates;
  const BioPointer bio = BytesToRead(pem);
  while (bio != nullptr && certificates.size() < kChainMax) {
    CertificatePointer certificate(PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr));
    if (certificate == nullptr) break;
    certificates.push_back(std::move(certificate));
  }
  TakeReason();  // That there are no more.
  return certificates;
}

// Of the characters of base64url.
bool IsWord(std::string_view text, size_t characters) {
  return text.size() == characters && std::ranges::all_of(text, [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
         });
}

// Why a server's certificate is not one that the CA alone vouches for; empty if it is.
std::string Flaw(X509* certificate, X509* authority, const std::string& server_name) {
  const StorePointer store(X509_STORE_new());
  const CheckPointer check(X509_STORE_CTX_new());
  if (store == nullptr || check == nullptr || X509_STORE_add_cert(store.get(), authority) != 1 ||
      X509_STORE_CTX_init(check.get(), store.get(), certificate, nullptr) != 1 ||
      X509_STORE_CTX_set_default(check.get(), "ssl_server") != 1) {
    return TakeReason();
  }
  X509_VERIFY_PARAM* const parameters = X509_STORE_CTX_get0_param(check.get());
  const int is_set =
      IsIpAddress(server_name)
          ? X509_VERIFY_PARAM_set1_ip_asc(parameters, server_name.c_str())
          : X509_VERIFY_PARAM_set1_host(parameters, server_name.c_str(), server_name.size());
  if (is_set != 1) return TakeReason();
  if (X509_verify_cert(check.get()) == 1) return {};
  TakeReason();
  return X509_verify_cert_error_string(X509_STORE_CTX_get_error(check.get()));
}

}  // namespace

absl::StatusOr<Invitation> MakeInvitation(const std::string& secret,
                                          std::string_view authority_pem) {
  const CertificatePointer authority(FromPem<&PEM_read_bio_X509>(authority_pem));
  if (authority == nullptr) {
    return absl::InvalidArgumentError("the certificate cannot be read: " + TakeReason());
  }
  return Invitation{.secret = secret, .authority = DigestOfCertificate(authority.get())};
}

std::string FormatInvitation(const Invitation& invitation) {
  return invitation.secret + "." + invitation.authority;
}

absl::StatusOr<Invitation> ParseInvitation(std::string_view text) {
  const size_t dot = text.find('.');
  const std::string_view secret = text.substr(0, dot);
  const std::string_view authority =
      dot == std::string_view::npos ? std::string_view() : text.substr(dot + 1);
  if (!IsWord(secret, kSecretCharacters) || !IsWord(authority, kDigestCharacters)) {
    return absl::InvalidArgumentError(
        "that is no invitation: one is a word of 87 characters with a dot, as `auspex ca invite` "
        "prints it");
  }
  return Invitation{.secret = std::string(secret), .authority = std::string(authority)};
}

absl::StatusOr<std::string> CheckInvitingServer(const Invitation& invitation,
                                                std::string_view chain_pem,
                                                const std::string& server_name) {
  const std::vector<CertificatePointer> chain = CertificatesOf(chain_pem);
  if (chain.empty()) return absl::UnauthenticatedError("the server has shown no certificate");
  for (const CertificatePointer& authority : chain) {
    if (DigestOfCertificate(authority.get()) != invitation.authority) continue;
    const std::string flaw = Flaw(chain.front().get(), authority.get(), server_name);
    if (!flaw.empty()) {
      return absl::UnauthenticatedError(
          absl::StrFormat("the server's certificate is not good for %s: %s", server_name, flaw));
    }
    return PemOf<&PEM_write_bio_X509>(authority.get());
  }
  return absl::UnauthenticatedError(
      "the server does not show the CA that has made the invitation: it is another server, or its "
      "api_certificate_file lacks the certificate of the CA behind its own");
}

}  // namespace pki
