#include "server/api/credential_files.h"

#include <condition_variable>
#include <stop_token>
#include <sys/stat.h>
#include <utility>

#include "absl/strings/str_cat.h"

#include "pki/revocation_list.h"
#include "pki/secret_file.h"

namespace server {

namespace {

// What tells two versions of a file apart: all files are replaced by others, never written into.
std::string VersionOf(const std::string& path) {
  struct stat status {};
  if (path.empty() || stat(path.c_str(), &status) != 0) return "none";
  return absl::StrCat(status.st_dev, ":", status.st_ino, ":", status.st_size, ":",
                      status.st_ctim.tv_sec, ".", status.st_ctim.tv_nsec);
}

std::string VersionOf(const TlsFiles& files) {
  return absl::StrCat(VersionOf(files.certificate), " ", VersionOf(files.key), " ",
                      VersionOf(files.ca));
}

CredentialContents::Versions VersionsOf(const CredentialPaths& paths) {
  return {.tokens = VersionOf(paths.tokens),
          .invitations = VersionOf(paths.invitations),
          .revoked = absl::StrCat(VersionOf(paths.revoked), " ", VersionOf(paths.ca)),
          .tls = paths.tls ? VersionOf(*paths.tls) : ""};
}

absl::StatusOr<std::vector<pki::Secret>> ReadSecrets(const std::string& path) {
  if (path.empty()) return std::vector<pki::Secret>();
  return pki::ReadSecrets(path);
}

absl::StatusOr<std::optional<pki::RevocationList>> ReadRevoked(const CredentialPaths& paths) {
  if (paths.revoked.empty()) return std::nullopt;
  return pki::RevocationList::Read(paths.revoked, paths.ca);
}

absl::StatusOr<std::optional<TlsMaterial>> ReadTls(const CredentialPaths& paths) {
  if (!paths.tls) return std::nullopt;
  return ReadTlsFiles(*paths.tls);
}

}  // namespace

CredentialFiles::CredentialFiles(Credentials& credentials) : credentials_(credentials) {}

CredentialFiles::~CredentialFiles() = default;

absl::StatusOr<CredentialContents> CredentialFiles::Read(const CredentialPaths& paths) {
  // A file that changes while it is read has another version the next time.
  CredentialContents contents{.paths = paths, .versions = VersionsOf(paths)};
  absl::Status status;
  const auto take = [&](auto read, auto* content) {
    status.Update(read.status());
    if (read.ok()) *content = *std::move(read);
  };
  take(ReadSecrets(paths.tokens), &contents.tokens);
  take(ReadSecrets(paths.invitations), &contents.invitations);
  take(ReadRevoked(paths), &contents.revoked);
  take(ReadTls(paths), &contents.tls);
  if (!status.ok()) return status;
  return contents;
}

void CredentialFiles::Use(CredentialContents contents) {
  const std::lock_guard lock(mutex_);
  paths_ = std::move(contents.paths);
  versions_ = std::move(contents.versions);
  tls_ = std::move(contents.tls);
  credentials_.ReplaceTokens(std::move(contents.tokens));
  credentials_.ReplaceInvitations(std::move(contents.invitations));
  credentials_.ReplaceRevoked(std::move(contents.revoked));
}

std::optional<TlsMaterial> CredentialFiles::tls() {
  const std::lock_guard lock(mutex_);
  return tls_;
}

CredentialFiles::Loaded CredentialFiles::LoadChanged() {
  const std::lock_guard lock(mutex_);
  Loaded loaded;
  const CredentialContents::Versions now = VersionsOf(paths_);
  const auto load = [&](const std::string& version, std::string* known, const auto& read,
                        const auto& use) {
    if (version == *known) return;
    auto content = read();
    if (content.ok()) {
      use(*std::move(content));
    } else {
      loaded.status.Update(content.status());
    }
    // What cannot be read at the moment, for want of descriptors for instance, is tried again.
    if (!absl::IsUnavailable(content.status())) *known = version;
  };
  load(
      now.tokens, &versions_.tokens, [&] { return ReadSecrets(paths_.tokens); },
      [&](auto tokens) {
        credentials_.ReplaceTokens(std::move(tokens));
        loaded.is_changed = true;
      });
  load(
      now.invitations, &versions_.invitations, [&] { return ReadSecrets(paths_.invitations); },
      [&](auto invitations) {
        // No call that is under way depends on an invitation.
        credentials_.ReplaceInvitations(std::move(invitations));
      });
  load(
      now.revoked, &versions_.revoked, [&] { return ReadRevoked(paths_); },
      [&](auto revoked) {
        credentials_.ReplaceRevoked(std::move(revoked));
        loaded.is_changed = true;
      });
  load(
      now.tls, &versions_.tls, [&] { return ReadTls(paths_); },
      [&](auto tls) {
        tls_ = std::move(tls);
        loaded.is_tls_changed = true;
      });
  return loaded;
}

void CredentialFiles::Watch(std::chrono::milliseconds interval, Callbacks callbacks) {
  thread_ =
      std::jthread([this, interval, callbacks = std::move(callbacks)](const std::stop_token& stop) {
        std::mutex mutex;
        std::condition_variable_any never;
        std::unique_lock lock(mutex);
        while (!never.wait_for(lock, stop, interval, [&] { return stop.stop_requested(); })) {
          const Loaded loaded = LoadChanged();
          const bool has_ended = credentials_.ForgetEnded();
          if (loaded.is_changed || has_ended) callbacks.changed();
          if (loaded.is_tls_changed) callbacks.tls_changed();
          if (!loaded.status.ok()) callbacks.failed(loaded.status);
        }
      });
}

void CredentialFiles::StopWatching() { thread_ = {}; }

}  // namespace server
