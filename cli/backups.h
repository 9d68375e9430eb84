// `auspex store backup` and what belongs to it. All print a line or two for who has asked.

#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

#include "absl/status/status.h"

#include "storage/backup.h"

namespace cli {

// Makes a backup of a store that no auspexd is writing to.
absl::Status BackUpStore(const std::string& store, const storage::BackupRequest& request,
                         std::ostream& output);

// Has a collector make one of its store while it goes on. The directory is one of the collector's
// machine: see `backup_dir` in auspexd.conf(5).
absl::Status BackUpCollector(const std::string& server, const storage::BackupRequest& request,
                             std::ostream& output);

// Prints a line for each backup.
absl::Status PrintBackups(const std::string& directory, std::ostream& output);

// Reads a backup, the last one unless an id is given, and compares its checksums.
absl::Status VerifyBackup(const std::string& directory, std::optional<uint32_t> id,
                          std::ostream& output);

absl::Status RestoreStore(const storage::RestoreRequest& request, std::ostream& output);

}  // namespace cli
