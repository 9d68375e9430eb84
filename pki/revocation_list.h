// The certificates that were revoked, as a CA's list (X.509 CRL) says.

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"

#include "pki/certificate_id.h"

struct X509_name_st;  // OpenSSL's X509_NAME.

namespace pki {

// Of a file of lists: a million certificates.
inline constexpr size_t kListBytesMax = 64 << 20;

// Of a file of CAs: five times those that a Linux distribution trusts.
inline constexpr size_t kAuthoritiesBytesMax = 1 << 20;

// Immutable, and for any thread.
class RevocationList {
 public:
  // A file of PEM with one list or more, and one with the CAs, each list signed by one of them. How
  // old a list is does not matter: what it revokes stays revoked. kNotFound or kUnavailable if a
  // file cannot be read; kInvalidArgument if one has nothing in it, something damaged, a list that
  // none of the CAs has signed, or one that means more than it says (parts of a list, lists for
  // other CAs). The message names the file.
  static absl::StatusOr<RevocationList> Read(const std::string& list_path,
                                             const std::string& authorities_path);

  // Likewise, of texts. The names are for the messages.
  static absl::StatusOr<RevocationList> Parse(std::string_view lists_pem,
                                              const std::string& lists_name,
                                              std::string_view authorities_pem,
                                              const std::string& authorities_name);

  // Whether a list of its issuer has its serial number. Takes the same time however long the lists
  // are.
  bool IsRevoked(const CertificateId& certificate) const;

  // Of all lists.
  size_t certificate_count() const;

 private:
  struct Issuer {
    std::shared_ptr<const X509_name_st> name;
    absl::flat_hash_set<std::string> serials;
  };

  RevocationList() = default;

  // Makes one if there is none.
  Issuer& IssuerOf(const X509_name_st* name);

  std::vector<Issuer> issuers_;  // As many as there are CAs that have lists: few.
};

}  // namespace pki
