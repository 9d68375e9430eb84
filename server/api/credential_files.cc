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

}  // namespace

CredentialFiles::CredentialFiles(Credentials& credentials, CredentialPaths paths)
    : credentials_(credentials), paths_(std::move(paths)) {}

CredentialFiles::~CredentialFiles() = default;

absl::Status CredentialFiles::Load() {
  {
    // Whoever asks wants to hear of a file that is still wrong.
    const std::lock_guard lock(mutex_);
    tokens_version_.clear();
    invitations_version_.clear();
    revoked_version_.clear();
  }
  return LoadChanged().status;
}

void CredentialFiles::StopWatching() { thread_ = {}; }

CredentialFiles::Loaded CredentialFiles::LoadChanged() {
  const std::lock_guard lock(mutex_);
  Loaded loaded;
  // A file that changes while it is read has another version the next time.
  const auto load = [&](const std::string& path, std::string version, std::string* known,
                        const auto& read, const auto& use) {
    if (path.empty() || version == *known) return;
    auto content = read();
    if (content.ok()) {
      use(*std::move(content));
      loaded.is_changed = true;
    } else {
      loaded.status.Update(content.status());
    }
    // What cannot be read at the moment, for want of descriptors for instance, is tried again.
    if (!absl::IsUnavailable(content.status())) *known = std::move(version);
  };
  load(
      paths_.tokens, VersionOf(paths_.tokens), &tokens_version_,
      [&] { return pki::ReadSecrets(paths_.tokens); },
      [&](auto tokens) { credentials_.ReplaceTokens(std::move(tokens)); });
  const bool was_changed = loaded.is_changed;
  load(
      paths_.invitations, VersionOf(paths_.invitations), &invitations_version_,
      [&] { return pki::ReadSecrets(paths_.invitations); },
      [&](auto invitations) { credentials_.ReplaceInvitations(std::move(invitations)); });
  loaded.is_changed = was_changed;  // No call that is under way depends on an invitation.
  load(
      paths_.revoked, VersionOf(paths_.revoked) + " " + VersionOf(paths_.ca), &revoked_version_,
      [&] { return pki::RevocationList::Read(paths_.revoked, paths_.ca); },
      [&](auto revoked) { credentials_.ReplaceRevoked(std::move(revoked)); });
  return loaded;
}

void CredentialFiles::Watch(std::chrono::milliseconds interval, std::function<void()> changed,
                            std::function<void(const absl::Status&)> failed) {
  thread_ = std::jthread([this, interval, changed = std::move(changed),
                          failed = std::move(failed)](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    while (!never.wait_for(lock, stop, interval, [&] { return stop.stop_requested(); })) {
      const Loaded loaded = LoadChanged();
      const bool has_ended = credentials_.ForgetEnded();
      if (loaded.is_changed || has_ended) changed();
      if (!loaded.status.ok()) failed(loaded.status);
    }
  });
}

}  // namespace server
