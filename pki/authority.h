// A private certificate authority: a directory, made by one command, for those who have no CA.
//
//   ca.pem    its certificate: what all others know it by
//   ca.key    its key. Who has it can be anybody: the directory is its owner's only
//   crl.pem   what it has revoked
//   register  what it has issued, a line for each certificate: see register.h
//   invitations   whom it will sign a certificate for: see secret_file.h. Not before there is one
//
// Each file is there whole or not at all, whenever the process or the machine stops. What is handed
// out is in the register before, and what the register calls revoked is in crl.pem before, so that
// what is done in part is done again by the same call.

#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "pki/register.h"
#include "pki/subject.h"

namespace pki {

class Signer;

// Ten years: a CA ends with all that it has signed, and another one means a visit to each host.
inline constexpr int kAuthorityDays = 3650;

// The longest that Apple's TLS takes from a private CA, too. A collector whose certificate ends is
// one that no agent talks to: rarely is better.
inline constexpr int kServerDays = 825;

// A host that is gone and forgotten is out within a year.
inline constexpr int kClientDays = 365;

// A hundred years: what is longer is a slip of the keyboard.
inline constexpr int kDaysMax = 36500;

struct AuthorityOptions {
  // 1 to 64 bytes. A different one for each CA helps those who look at certificates; by default it
  // is "Auspex CA" and the day.
  std::string name = {};
  int days = kAuthorityDays;
};

// What is wanted of a certificate.
struct CertificateOrder {
  Subject subject;
  CertificateKind kind = CertificateKind::kClient;
  int days = 0;  // 0 for kServerDays or kClientDays. None outlives the CA.
};

struct NewCertificate {
  std::string certificate_pem;
  std::string key_pem;  // PKCS#8, not encrypted. Empty if its owner has made it.
  IssuedCertificate entry;
};

// For any thread. Each call takes the directory for itself; others, also of other processes, wait
// for it, and fail with kUnavailable after ten seconds. Calls block for the disk. Arguments that
// are wrong are kInvalidArgument; a directory that is: kNotFound, kPermissionDenied, kUnavailable
// or kDataLoss. Every message names the directory.
class Authority {
 public:
  // Makes a CA in a new directory or an empty one, all of it or nothing. kAlreadyExists if the
  // directory holds anything, or is no directory.
  static absl::StatusOr<Authority> Create(const std::string& directory,
                                          const AuthorityOptions& options = {});

  static absl::StatusOr<Authority> Open(const std::string& directory);

  Authority(Authority&& other) noexcept;
  Authority& operator=(Authority&& other) noexcept;
  ~Authority();

  const std::string& directory() const { return directory_; }
  std::string certificate_path() const { return directory_ + "/ca.pem"; }
  std::string list_path() const { return directory_ + "/crl.pem"; }
  std::string invitations_path() const { return directory_ + "/invitations"; }
  const std::string& certificate_pem() const;
  uint64_t not_after_ms() const;

  // A new key, and a certificate for it. Names may be issued again: that is how they are renewed.
  // kFailedPrecondition once the CA has ended, kResourceExhausted once it has issued half a
  // million; so does Sign().
  absl::StatusOr<NewCertificate> Issue(const CertificateOrder& order) const;

  // A client's certificate for the key in a request (PKCS#10), such as MakeKeyRequest() makes. It
  // says `name`, whatever the request says, and the caller must know that the name is due to the
  // one who asks. kInvalidArgument if the request cannot be read, is longer than 16 kB, is not
  // signed by its own key, or if that is none of P-256, P-384, P-521, Ed25519 and RSA of 2048 to
  // 8192 bits.
  absl::StatusOr<NewCertificate> Sign(std::string_view request_pem, const std::string& name,
                                      int days = kClientDays) const;

  // What a host of this name can have a certificate signed with, once, within `lifetime`: as text,
  // see invitation.h. An earlier invitation of the name does not count any more. Fails as
  // SecretFile::Add().
  absl::StatusOr<std::string> Invite(const std::string& name, std::chrono::seconds lifetime) const;

  // As Sign(), with the name of the invitation whose secret has this digest (DigestOf()), which is
  // used up by it. kPermissionDenied if there is none, or it is over. Where the request is refused
  // it stays.
  absl::StatusOr<NewCertificate> Redeem(std::string_view digest,
                                        std::string_view request_pem) const;

  // Revokes what has this name, or this serial number (in hexadecimal digits, with colons or
  // without), and is neither revoked nor ended, and returns it. An invitation of the
  // name does not count any more. kNotFound if there is neither.
  absl::StatusOr<std::vector<IssuedCertificate>> Revoke(const std::string& name_or_serial) const;

  // What was issued, the oldest first.
  absl::StatusOr<std::vector<IssuedCertificate>> List() const;

 private:
  Authority(std::string directory, std::unique_ptr<const Signer> signer);

  absl::StatusOr<bool> TakeInvitationBack(const std::string& name) const;

  std::string directory_;
  std::unique_ptr<const Signer> signer_;
};

}  // namespace pki
