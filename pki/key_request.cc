#include "pki/key_request.h"

#include "pki/openssl.h"
#include "pki/subject.h"
#include "pki/subject_encoding.h"

namespace pki {

namespace {

using ExtensionsPointer =
    std::unique_ptr<X509_EXTENSIONS, decltype([](X509_EXTENSIONS* extensions) {
                      sk_X509_EXTENSION_free(extensions);  // Not what is in it.
                    })>;

}  // namespace

absl::StatusOr<KeyRequest> MakeKeyRequest(const std::string& name) {
  const absl::Status checked = CheckName(name);
  if (!checked.ok()) return checked;
  const absl::StatusOr<KeyPointer> key = MakeKey();
  if (!key.ok()) return key.status();

  const RequestPointer request(X509_REQ_new());
  const NamePointer subject = DistinguishedName(name);
  const ExtensionPointer names = AlternativeNames({.name = name}, CertificateKind::kClient);
  const ExtensionsPointer extensions(sk_X509_EXTENSION_new_null());
  if (request == nullptr || subject == nullptr || names == nullptr || extensions == nullptr ||
      sk_X509_EXTENSION_push(extensions.get(), names.get()) <= 0 ||
      X509_REQ_set_subject_name(request.get(), subject.get()) != 1 ||
      X509_REQ_add_extensions(request.get(), extensions.get()) != 1 ||
      X509_REQ_set_pubkey(request.get(), key->get()) != 1 ||
      X509_REQ_sign(request.get(), key->get(), EVP_sha256()) <= 0) {
    return CannotMake("a request");
  }
  KeyRequest made{.key_pem = KeyPem(key->get()),
                  .request_pem = PemOf<&PEM_write_bio_X509_REQ>(request.get())};
  if (made.key_pem.empty() || made.request_pem.empty()) return CannotMake("a request");
  return made;
}

}  // namespace pki
