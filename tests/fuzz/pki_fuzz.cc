// Requests, revocation lists and certificates that others have made: whatever is in them is taken
// or refused with a reason. Inputs are DER, without the PEM around it, so that a damaged byte is
// one of what it says.

#include <string>

#include "pki/openssl.h"
#include "pki/requested_key.h"
#include "pki/revocation_list.h"
#include "pki/signer.h"
#include "tests/fuzz/fuzz.h"

namespace {

std::string Pem(const char* what, const std::string& der) {
  const pki::BioPointer bio(BIO_new(BIO_s_mem()));
  const auto* const bytes = reinterpret_cast<const unsigned char*>(der.data());
  PEM_write_bio(bio.get(), what, "", bytes, static_cast<long>(der.size()));
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<size_t>(size)};
}

// Which has revoked nothing.
struct TestAuthority {
  TestAuthority() {
    const auto signer = pki::Signer::Make("fuzz", 1);
    certificate_pem = signer->certificate_pem();
    list_pem = *signer->ExtendList("", {});
  }

  std::string certificate_pem;
  std::string list_pem;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const TestAuthority authority;
  static const auto list =
      pki::RevocationList::Parse(authority.list_pem, "list", authority.certificate_pem, "ca");
  fuzz::Check(list.ok());
  // Each of them is a SEQUENCE. Lines of logs, of which there are many, are not.
  if (size == 0 || data[0] != 0x30) return 0;
  const std::string input = fuzz::Input(data, size);
  const auto key = pki::RequestedKey(Pem(PEM_STRING_X509_REQ, input));
  fuzz::Check(key.ok() || absl::IsInvalidArgument(key.status()));
  const auto theirs = pki::RevocationList::Parse(Pem(PEM_STRING_X509_CRL, input), "list",
                                                 authority.certificate_pem, "ca");
  fuzz::Check(absl::IsInvalidArgument(theirs.status()));  // Nobody else can sign for our CA.
  const std::string certificate = Pem(PEM_STRING_X509, input);
  const auto ours = pki::RevocationList::Parse(authority.list_pem, "list", certificate, "ca");
  fuzz::Check(absl::IsInvalidArgument(ours.status()));
  const pki::CertificatePointer parsed(pki::FromPem<&PEM_read_bio_X509>(certificate));
  const auto id = pki::CertificateId::Of(certificate);
  fuzz::Check(id.has_value() == (parsed != nullptr));
  fuzz::Check(!id || !list->IsRevoked(*id));
  return 0;
}
