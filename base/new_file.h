// Files that are there whole or not at all, whenever the process or the machine stops.

#pragma once

#include <string>
#include <string_view>
#include <sys/types.h>

#include "absl/status/status.h"

namespace base {

struct NewFileOptions {
  mode_t mode = 0644;     // Whatever the umask is. Nobody else can open the file before it is set.
  bool replaces = false;  // Takes the place of what has this path.
};

// Writes a file, and returns when it is on the disk with its name. Where writing fails, what had
// the path before is untouched. kAlreadyExists if there is something and `replaces` is not set,
// kNotFound if the directory is not there, kPermissionDenied, or kUnavailable; the message is
// "PATH: reason". Who is killed meanwhile can leave a file named ".new-" and six more characters
// beside it.
absl::Status WriteNewFile(const std::string& path, std::string_view content,
                          const NewFileOptions& options = {});

// Returns when the names in a directory are on the disk. Fails likewise.
absl::Status SyncDirectory(const std::string& path);

}  // namespace base
