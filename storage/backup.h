// Backups of a store, and the stores that are made of them.
//
// A backup is all of a store at one moment: events, journal, index, hosts, holds, the numbers of
// batches. Backups of one store share a directory, and the files of it that did not change:
//
//   BACKUP    two lines, "auspex backup format 1" and "store ID": whose backups these are. The ID
//             is in the store itself, so a store that was restored goes on where it was
//   LOCK      locked (flock) by the one process that makes, deletes, verifies or restores
//   backups/  RocksDB's BackupEngine: private/, shared_checksum/, and meta/, where the name of a
//             file is the id of its backup; written last, so a backup is there whole or not at all
//
// A restored store is written to STORE/restoring/ and becomes one with its FORMAT file, which comes
// last: STORE may be a mount point, and nothing is written beside it.

#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace storage {

// A week of daily ones.
inline constexpr uint32_t kBackupsKept = 7;

struct BackupRequest {
  std::string directory;  // Made if it is missing; its parent must be there. Not in the store's.

  // Backups that are left when this one is made, itself included: the last ones. At least 1. While
  // it is made there is one more.
  uint32_t keep_count = kBackupsKept;

  // What is copied a second, at most; 0 for no limit. A disk that acknowledgements wait for has far
  // more than this.
  uint64_t bytes_per_second_max = uint64_t{32} << 20;

  std::stop_token stop = {};
};

struct BackupResult {
  uint32_t id = 0;  // Of backups in one directory the later one has the higher id.
  uint64_t bytes = 0;
  uint64_t bytes_new = 0;  // Of these: what was copied, because no backup before had it.
  uint32_t files = 0;
  uint32_t files_new = 0;
  std::vector<uint32_t> deleted = {};  // Backups that were more than `keep_count`.

  // Backups that were found to lack files, or to have such of another size: deleted, too, since
  // nothing can be restored of them.
  std::vector<uint32_t> damaged = {};
};

struct BackupEntry {
  uint32_t id = 0;
  bool is_damaged =
      false;             // Files are missing, or of another size. What follows is not known then.
  uint64_t made_ms = 0;  // When it was begun, by the collector's clock; whole seconds.
  uint64_t bytes = 0;    // With what it shares with others.
  uint32_t files = 0;
  int store_format = 0;
};

// The backups of a directory, by id. May be called while one is being made, which is not there yet.
// Fails with one line for an administrator, as all functions here do: kNotFound (no directory, or
// it holds no backups), kFailedPrecondition (it holds other things, or is of a newer format),
// kPermissionDenied, kUnavailable.
absl::StatusOr<std::vector<BackupEntry>> ListBackups(const std::string& directory);

// Reads every file of a backup, the last one unless an id is given, and compares its checksum:
// kDataLoss names the file that is damaged. A file that backups share is copied only once: delete
// a damaged one, and the next backup copies it anew. kFailedPrecondition, too, while another
// process works on the directory.
absl::Status VerifyBackup(const std::string& directory, std::optional<uint32_t> id);

struct RestoreRequest {
  std::string backup_directory;
  std::optional<uint32_t> id = {};  // The last one, if none is given.
  std::string store_directory;      // Empty, or missing; its parent must be there.
};

struct RestoreResult {
  uint32_t id = 0;
  uint64_t bytes = 0;
  uint32_t files = 0;
};

// Makes a store of a backup: whole and on the disk when it returns, or not at all. Compares the
// checksum of each file that it copies: kDataLoss names what is damaged, and nothing is left
// behind. What a restore leaves that was killed is no store, and the next one replaces it. Never
// writes over anything: kAlreadyExists if the directory is not empty. Fails as VerifyBackup() does,
// and with kFailedPrecondition if the store in the backup is of a newer format; kResourceExhausted
// if the disk is full.
absl::StatusOr<RestoreResult> RestoreBackup(const RestoreRequest& request);

}  // namespace storage
