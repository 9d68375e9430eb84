// The files that credentials are in, those of callers and our own. They are written by `auspex
// token`, `auspex ca` and administrators, and read again when they change.

#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"

#include "server/api/credentials.h"
#include "server/api/tls_files.h"

namespace server {

// Each is empty if it is not used.
struct CredentialPaths {
  std::string tokens = {};       // See pki/secret_file.h. Need not be there: no tokens, then.
  std::string invitations = {};  // Likewise.
  std::string revoked = {};      // Lists of revoked certificates (CRL), in PEM,
  std::string ca = {};           // and the CAs that sign them.

  std::optional<TlsFiles> tls = {};  // Ours. None if nobody speaks TLS to us.
};

// What the files held when they were read.
struct CredentialContents {
  CredentialPaths paths;
  std::vector<pki::Secret> tokens = {};
  std::vector<pki::Secret> invitations = {};
  std::optional<pki::RevocationList> revoked = {};
  std::optional<TlsMaterial> tls = {};

  // What tells the files from what may stand in their places later.
  struct Versions {
    std::string tokens = {};
    std::string invitations = {};
    std::string revoked = {};
    std::string tls = {};
  };
  Versions versions = {};
};

// For any thread.
class CredentialFiles {
 public:
  // `credentials` must outlive the object. There are no files yet.
  explicit CredentialFiles(Credentials& credentials);
  ~CredentialFiles();

  // Reads all files. A failure names the first that cannot be used.
  static absl::StatusOr<CredentialContents> Read(const CredentialPaths& paths);

  // From here on these files are meant, and this counts of what they hold.
  void Use(CredentialContents contents);

  // Our own that counts: of Use(), or read since. None if nobody speaks TLS to us.
  std::optional<TlsMaterial> tls();

  // All are called on the thread that watches.
  struct Callbacks {
    // What callers show may count for something else than before.
    std::function<void()> changed;

    // tls() is another one.
    std::function<void()> tls_changed;

    // Called once for each version of a file that cannot be used, and each time that a file cannot
    // be read. What was read before holds.
    std::function<void(const absl::Status&)> failed;
  };

  // Looks at the files each `interval` from now on, on a thread of its own. Once only.
  void Watch(std::chrono::milliseconds interval, Callbacks callbacks);

  // No callback is called any more when it returns.
  void StopWatching();

 private:
  struct Loaded {
    bool is_changed = false;
    bool is_tls_changed = false;
    absl::Status status = {};  // The first failure.
  };
  Loaded LoadChanged();

  Credentials& credentials_;

  std::mutex mutex_;  // Guards what follows, and that one reads at a time.
  CredentialPaths paths_;
  CredentialContents::Versions versions_;
  std::optional<TlsMaterial> tls_;

  std::jthread thread_;
};

}  // namespace server
