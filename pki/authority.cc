#include "pki/authority.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

#include "base/clock.h"
#include "base/new_file.h"
#include "pki/invitation.h"
#include "pki/lock.h"
#include "pki/read_file.h"
#include "pki/requested_key.h"
#include "pki/revocation_list.h"
#include "pki/secret_file.h"
#include "pki/signer.h"

namespace pki {

namespace {

constexpr char kCertificateFile[] = "/ca.pem";
constexpr char kKeyFile[] = "/ca.key";
constexpr char kListFile[] = "/crl.pem";
constexpr char kRegisterFile[] = "/register";

// A key or a certificate takes some hundred bytes.
constexpr size_t kPemBytesMax = 1 << 16;

// What 20,000 hosts are issued in 25 years. Each of the next would be slower than the one before.
constexpr size_t kCertificatesMax = 500'000;

// So many, with the longest names, and all of them revoked.
constexpr size_t kRegisterBytesMax = 256 << 20;

absl::Status Failed(const std::string& directory, const absl::Status& status) {
  return {status.code(), absl::StrFormat("CA %s: %s", directory, status.message())};
}

absl::Status Failed(const std::string& directory, int error) {
  return Failed(directory, DirectoryError(error));
}

absl::Status CheckDays(int days) {
  if (days >= 1 && days <= kDaysMax) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrFormat("%d days: not from 1 to %d", days, kDaysMax));
}

absl::StatusOr<Lock> TakeLock(const std::string& directory) {
  absl::StatusOr<Lock> lock = Lock::OfDirectory(directory);
  if (!lock.ok()) return Failed(directory, lock.status());
  return lock;
}

// The reading and writing of the register and the list is for those who hold the lock.

absl::StatusOr<std::vector<IssuedCertificate>> ReadRegister(const std::string& directory) {
  const std::string path = directory + kRegisterFile;
  const absl::StatusOr<std::string> text = ReadFile(path, kRegisterBytesMax);
  if (!text.ok()) return text.status();
  return ParseRegister(*text, path);
}

// Everyone may read it, but nobody else gets into the directory: so the owner of the directory and
// root can both use the CA, whoever has written last.
absl::Status WriteRegister(const std::string& directory,
                           const std::vector<IssuedCertificate>& certificates) {
  return base::WriteNewFile(directory + kRegisterFile, FormatRegister(certificates),
                            {.mode = 0644, .replaces = true});
}

absl::Status WriteInvitations(const std::string& path, const std::vector<Secret>& invitations) {
  return base::WriteNewFile(path, FormatSecrets(invitations), {.mode = 0644, .replaces = true});
}

// A list that is lost is made again from the register, and a register that was put back from an old
// copy does not take anything off the list.
absl::Status WriteList(const std::string& directory, const Signer& signer,
                       const std::vector<IssuedCertificate>& certificates) {
  const std::string path = directory + kListFile;
  absl::StatusOr<std::string> list_pem = ReadFile(path, kListBytesMax);
  if (absl::IsNotFound(list_pem.status())) list_pem = "";
  if (!list_pem.ok()) return list_pem.status();
  const absl::StatusOr<std::string> extended = signer.ExtendList(*list_pem, certificates);
  if (!extended.ok()) {
    return {extended.status().code(),
            absl::StrFormat("%s: %s; without the file it is made from the register", path,
                            extended.status().message())};
  }
  return base::WriteNewFile(path, *extended, {.mode = 0644, .replaces = true});
}

// A certificate that is in the register. The subject of the order must be a good one, and the lock
// be held.
absl::StatusOr<NewCertificate> Certify(const std::string& directory, const Signer& signer,
                                       const CertificateOrder& order, EVP_PKEY* key) {
  const int default_days = order.kind == CertificateKind::kServer ? kServerDays : kClientDays;
  const int days = order.days == 0 ? default_days : order.days;
  const absl::Status checked = CheckDays(days);
  if (!checked.ok()) return Failed(directory, checked);
  absl::StatusOr<SignedCertificate> certificate =
      signer.Certify(order.subject, order.kind, days, key);
  if (!certificate.ok()) return Failed(directory, certificate.status());
  absl::StatusOr<std::vector<IssuedCertificate>> certificates = ReadRegister(directory);
  if (!certificates.ok()) return certificates.status();
  if (certificates->size() >= kCertificatesMax) {
    return Failed(directory,
                  absl::ResourceExhaustedError(absl::StrFormat(
                      "has issued %d certificates, which is all it can", kCertificatesMax)));
  }
  certificates->push_back(certificate->entry);
  const absl::Status written = WriteRegister(directory, *certificates);
  if (!written.ok()) return written;
  return NewCertificate{.certificate_pem = std::move(certificate->pem),
                        .key_pem = {},
                        .entry = std::move(certificate->entry)};
}

// As the register has serial numbers.
std::string SerialDigits(const std::string& text) {
  return absl::AsciiStrToUpper(absl::StrReplaceAll(text, {{":", ""}}));
}

std::string DefaultName() {
  return absl::StrFormat("Auspex CA %s", SecondsText(base::NowMs()).substr(0, 10));
}

std::string WithoutSlashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

absl::Status WriteAuthority(const std::string& directory, const Signer& signer) {
  absl::Status written = base::WriteNewFile(directory + kKeyFile, signer.key_pem(), {.mode = 0600});
  if (!written.ok()) return written;
  written =
      base::WriteNewFile(directory + kCertificateFile, signer.certificate_pem(), {.mode = 0644});
  if (!written.ok()) return written;
  written = WriteList(directory, signer, {});
  if (!written.ok()) return written;
  return WriteRegister(directory, {});
}

}  // namespace

absl::StatusOr<Authority> Authority::Create(const std::string& directory,
                                            const AuthorityOptions& options) {
  const std::string path = WithoutSlashes(directory);
  const absl::Status days = CheckDays(options.days);
  if (!days.ok()) return Failed(path, days);
  absl::StatusOr<Signer> signer =
      Signer::Make(options.name.empty() ? DefaultName() : options.name, options.days);
  if (!signer.ok()) return Failed(path, signer.status());

  // Made beside its place, with mode 0700, and put there as a whole.
  std::string fresh = path + ".new-XXXXXX";
  if (mkdtemp(fresh.data()) == nullptr) return Failed(path, errno);
  absl::Cleanup remove = [&fresh] {
    std::error_code ignored;  // The failure before it is what counts.
    std::filesystem::remove_all(fresh, ignored);
  };
  const absl::Status written = WriteAuthority(fresh, *signer);
  if (!written.ok()) return Failed(path, written);
  if (rename(fresh.c_str(), path.c_str()) != 0) return Failed(path, errno);
  std::move(remove).Cancel();
  const absl::Status synced = base::SyncDirectory(
      std::filesystem::absolute(path).lexically_normal().parent_path().string());
  if (!synced.ok()) return Failed(path, synced);
  return Authority(path, std::make_unique<const Signer>(*std::move(signer)));
}

absl::StatusOr<Authority> Authority::Open(const std::string& directory) {
  const std::string path = WithoutSlashes(directory);
  const absl::StatusOr<std::string> certificate_pem =
      ReadFile(path + kCertificateFile, kPemBytesMax);
  if (!certificate_pem.ok()) return certificate_pem.status();
  const absl::StatusOr<std::string> key_pem = ReadFile(path + kKeyFile, kPemBytesMax);
  if (!key_pem.ok()) return key_pem.status();
  absl::StatusOr<Signer> signer = Signer::Parse(*certificate_pem, *key_pem);
  if (!signer.ok()) return Failed(path, signer.status());
  return Authority(path, std::make_unique<const Signer>(*std::move(signer)));
}

Authority::Authority(std::string directory, std::unique_ptr<const Signer> signer)
    : directory_(std::move(directory)), signer_(std::move(signer)) {}

Authority::Authority(Authority&& other) noexcept = default;
Authority& Authority::operator=(Authority&& other) noexcept = default;
Authority::~Authority() = default;

const std::string& Authority::certificate_pem() const { return signer_->certificate_pem(); }

uint64_t Authority::not_after_ms() const { return signer_->not_after_ms(); }

absl::StatusOr<NewCertificate> Authority::Issue(const CertificateOrder& order) const {
  const absl::Status subject = CheckSubject(order.subject);
  if (!subject.ok()) return Failed(directory_, subject);
  const absl::StatusOr<KeyPointer> key = MakeKey();
  if (!key.ok()) return Failed(directory_, key.status());
  std::string key_pem = KeyPem(key->get());
  if (key_pem.empty()) return Failed(directory_, CannotMake("a key"));
  const absl::StatusOr<Lock> lock = TakeLock(directory_);
  if (!lock.ok()) return lock.status();
  absl::StatusOr<NewCertificate> made = Certify(directory_, *signer_, order, key->get());
  if (made.ok()) made->key_pem = std::move(key_pem);
  return made;
}

absl::StatusOr<NewCertificate> Authority::Sign(std::string_view request_pem,
                                               const std::string& name, int days) const {
  const absl::Status checked = CheckName(name);
  if (!checked.ok()) return Failed(directory_, checked);
  const absl::StatusOr<KeyPointer> key = RequestedKey(request_pem);
  if (!key.ok()) return Failed(directory_, key.status());
  const absl::StatusOr<Lock> lock = TakeLock(directory_);
  if (!lock.ok()) return lock.status();
  return Certify(directory_, *signer_, {.subject = {.name = name}, .days = days}, key->get());
}

absl::StatusOr<std::string> Authority::Invite(const std::string& name,
                                              std::chrono::seconds lifetime) const {
  // So that nobody redeems one meanwhile.
  const absl::StatusOr<Lock> lock = TakeLock(directory_);
  if (!lock.ok()) return lock.status();
  const absl::StatusOr<std::string> secret =
      SecretFile(invitations_path()).Add(name, lifetime, /*replaces=*/true);
  if (!secret.ok()) return secret.status();
  const absl::StatusOr<Invitation> invitation = MakeInvitation(*secret, certificate_pem());
  if (!invitation.ok()) return Failed(directory_, invitation.status());
  return FormatInvitation(*invitation);
}

absl::StatusOr<NewCertificate> Authority::Redeem(std::string_view digest,
                                                 std::string_view request_pem) const {
  const absl::StatusOr<KeyPointer> key = RequestedKey(request_pem);
  if (!key.ok()) return Failed(directory_, key.status());
  const absl::StatusOr<Lock> lock = TakeLock(directory_);
  if (!lock.ok()) return absl::UnavailableError(lock.status().message());
  absl::StatusOr<std::vector<Secret>> invitations = ReadSecrets(invitations_path());
  if (!invitations.ok()) return invitations.status();
  const auto invitation = std::ranges::find(*invitations, digest, &Secret::digest);
  if (invitation == invitations->end() || invitation->not_after_ms < base::NowMs()) {
    return Failed(directory_, absl::PermissionDeniedError(
                                  "there is no such invitation, or it was used, or is over"));
  }
  absl::StatusOr<NewCertificate> made =
      Certify(directory_, *signer_, {.subject = {.name = invitation->name}}, key->get());
  if (!made.ok()) return made;
  invitations->erase(invitation);
  // Used up before what it was for is handed out, and not by what has failed.
  const absl::Status written = WriteInvitations(invitations_path(), *invitations);
  if (!written.ok()) return written;
  return made;
}

// Whether there was one of that name. To be called with the lock held.
absl::StatusOr<bool> Authority::TakeInvitationBack(const std::string& name) const {
  absl::StatusOr<std::vector<Secret>> invitations = ReadSecrets(invitations_path());
  if (!invitations.ok()) return invitations.status();
  const auto is_of_name = [&](const Secret& secret) { return secret.name == name; };
  if (std::erase_if(*invitations, is_of_name) == 0) return false;
  const absl::Status written = WriteInvitations(invitations_path(), *invitations);
  if (!written.ok()) return written;
  return true;
}

absl::StatusOr<std::vector<IssuedCertificate>> Authority::Revoke(
    const std::string& name_or_serial) const {
  const absl::StatusOr<Lock> lock = TakeLock(directory_);
  if (!lock.ok()) return lock.status();
  absl::StatusOr<std::vector<IssuedCertificate>> certificates = ReadRegister(directory_);
  if (!certificates.ok()) return certificates.status();

  const absl::StatusOr<bool> was_invited = TakeInvitationBack(name_or_serial);
  if (!was_invited.ok()) return was_invited.status();
  const std::string serial = SerialDigits(name_or_serial);
  const uint64_t now_ms = base::NowMs();
  bool is_known = false;
  std::vector<IssuedCertificate> revoked;
  for (IssuedCertificate& certificate : *certificates) {
    if (certificate.name != name_or_serial && certificate.serial != serial) continue;
    is_known = true;
    if (certificate.revoked_ms || certificate.not_after_ms < now_ms) continue;
    certificate.revoked_ms = now_ms - now_ms % 1000;
    revoked.push_back(certificate);
  }
  if (revoked.empty() && *was_invited) return revoked;
  if (revoked.empty()) {
    const std::string quoted = absl::StrFormat("\"%s\"", absl::CHexEscape(name_or_serial));
    return Failed(directory_,
                  absl::NotFoundError(is_known ? "nothing of " + quoted + " is valid any more"
                                               : "has not issued " + quoted));
  }
  const absl::Status written_list = WriteList(directory_, *signer_, *certificates);
  if (!written_list.ok()) return written_list;
  const absl::Status written = WriteRegister(directory_, *certificates);
  if (!written.ok()) return written;
  return revoked;
}

absl::StatusOr<std::vector<IssuedCertificate>> Authority::List() const {
  const absl::StatusOr<Lock> lock = TakeLock(directory_);
  if (!lock.ok()) return lock.status();
  return ReadRegister(directory_);
}

}  // namespace pki
