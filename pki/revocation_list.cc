#include "pki/revocation_list.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include <openssl/err.h>

#include "pki/openssl.h"
#include "pki/read_file.h"

namespace pki {

namespace {

absl::Status Refused(const std::string& file_name, std::string_view why) {
  ERR_clear_error();
  return absl::InvalidArgumentError(absl::StrFormat("%s: %s", file_name, why));
}

// All of a kind in a text of PEM, one at least.
template <typename Pointer, auto Read>
absl::StatusOr<std::vector<Pointer>> ReadAll(std::string_view pem, const std::string& file_name,
                                             const char* what) {
  ERR_clear_error();
  const BioPointer bio = BytesToRead(pem);
  std::vector<Pointer> all;
  for (;;) {
    Pointer one(bio == nullptr ? nullptr : Read(bio.get(), nullptr, NoPassphrase, nullptr));
    if (one != nullptr) {
      all.push_back(std::move(one));
      continue;
    }
    const unsigned long error = ERR_peek_last_error();
    const bool is_end =
        ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
    if (!is_end)
      return Refused(file_name, absl::StrFormat("a %s is damaged: %s", what, TakeReason()));
    if (all.empty()) return Refused(file_name, absl::StrFormat("there is no %s in it", what));
    ERR_clear_error();
    return all;
  }
}

bool MaySignLists(X509* authority) { return (X509_get_key_usage(authority) & KU_CRL_SIGN) != 0; }

bool IsSignedByOneOf(const std::vector<CertificatePointer>& authorities, X509_CRL* list) {
  return std::ranges::any_of(authorities, [list](const CertificatePointer& authority) {
    return X509_NAME_cmp(X509_get_subject_name(authority.get()), X509_CRL_get_issuer(list)) == 0 &&
           MaySignLists(authority.get()) &&
           X509_CRL_verify(list, X509_get0_pubkey(authority.get())) == 1;
  });
}

}  // namespace

absl::StatusOr<RevocationList> RevocationList::Read(const std::string& list_path,
                                                    const std::string& authorities_path) {
  const absl::StatusOr<std::string> lists_pem = ReadFile(list_path, kListBytesMax);
  if (!lists_pem.ok()) return lists_pem.status();
  const absl::StatusOr<std::string> authorities_pem =
      ReadFile(authorities_path, kAuthoritiesBytesMax);
  if (!authorities_pem.ok()) return authorities_pem.status();
  return Parse(*lists_pem, list_path, *authorities_pem, authorities_path);
}

absl::StatusOr<RevocationList> RevocationList::Parse(std::string_view lists_pem,
                                                     const std::string& lists_name,
                                                     std::string_view authorities_pem,
                                                     const std::string& authorities_name) {
  const auto authorities = ReadAll<CertificatePointer, &PEM_read_bio_X509>(
      authorities_pem, authorities_name, "certificate");
  if (!authorities.ok()) return authorities.status();
  const auto lists =
      ReadAll<CrlPointer, &PEM_read_bio_X509_CRL>(lists_pem, lists_name, "revocation list");
  if (!lists.ok()) return lists.status();

  RevocationList revoked;
  for (const CrlPointer& list : *lists) {
    if (!IsSignedByOneOf(*authorities, list.get())) {
      return Refused(lists_name, "is signed by no CA in " + authorities_name);
    }
    // Parts of lists, and lists for other CAs, say so in extensions that are critical.
    if (X509_CRL_get_ext_by_critical(list.get(), 1, -1) >= 0) {
      return Refused(lists_name, "has an extension that is critical, and not known here");
    }
    Issuer& issuer = revoked.IssuerOf(X509_CRL_get_issuer(list.get()));
    const STACK_OF(X509_REVOKED)* const entries = X509_CRL_get_REVOKED(list.get());
    for (int i = 0; i < sk_X509_REVOKED_num(entries); ++i) {
      issuer.serials.insert(
          SerialKey(X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(entries, i))));
    }
  }
  return revoked;
}

RevocationList::Issuer& RevocationList::IssuerOf(const X509_name_st* name) {
  const auto found = std::ranges::find_if(issuers_, [name](const Issuer& issuer) {
    return X509_NAME_cmp(issuer.name.get(), name) == 0;
  });
  if (found != issuers_.end()) return *found;
  return issuers_.emplace_back(
      Issuer{.name = {X509_NAME_dup(name), &X509_NAME_free}, .serials = {}});
}

bool RevocationList::IsRevoked(const CertificateId& certificate) const {
  return std::ranges::any_of(issuers_, [&](const Issuer& issuer) {
    return X509_NAME_cmp(issuer.name.get(), certificate.issuer()) == 0 &&
           issuer.serials.contains(certificate.serial());
  });
}

size_t RevocationList::certificate_count() const {
  size_t count = 0;
  for (const Issuer& issuer : issuers_) count += issuer.serials.size();
  return count;
}

}  // namespace pki
