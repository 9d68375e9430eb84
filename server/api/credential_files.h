// The files that credentials are in. They are written by `auspex token` and `auspex ca`, and read
// again when they change.

#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"

#include "server/api/credentials.h"

namespace server {

// Each is empty if it is not used.
struct CredentialPaths {
  std::string tokens;       // See pki/secret_file.h. Need not be there: then there are no tokens.
  std::string invitations;  // Likewise.
  std::string revoked;      // Lists of revoked certificates (CRL), in PEM,
  std::string ca;           // and the CAs that sign them.
};

// For any thread.
class CredentialFiles {
 public:
  // `credentials` must outlive the object.
  CredentialFiles(Credentials& credentials, CredentialPaths paths);
  ~CredentialFiles();

  // Reads what has changed. After a failure, which names the file, the rest is read all the same,
  // and of that file holds what was read before.
  absl::Status Load();

  // Looks at the files each `interval` from now on, on a thread of its own, and calls there
  // `changed` after what has changed was read, or a secret is over, or `failed`: once for each
  // version of a file that cannot be used, and each time that a file cannot be read.
  void Watch(std::chrono::milliseconds interval, std::function<void()> changed,
             std::function<void(const absl::Status&)> failed);

  // No callback is called any more when it returns.
  void StopWatching();

 private:
  struct Loaded {
    bool is_changed = false;
    absl::Status status;  // The first failure.
  };
  Loaded LoadChanged();

  Credentials& credentials_;
  const CredentialPaths paths_;

  std::mutex mutex_;  // Guards what follows, and that one reads at a time.
  std::string tokens_version_;
  std::string invitations_version_;
  std::string revoked_version_;

  std::jthread thread_;
};

}  // namespace server
