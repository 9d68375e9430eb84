// The directory that backups are in: see backup.h. Included in storage/*.cc only.

#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include <rocksdb/io_status.h>
#include <rocksdb/utilities/backup_engine.h>

#include "base/file_descriptor.h"

namespace storage {

// A directory of backups, held against other processes until destruction.
class BackupDirectory {
 public:
  // For the backups of one store; makes the directory if it is missing. `store_path` is where that
  // store is: backups in there would be gone with it.
  static absl::StatusOr<BackupDirectory> OpenForStore(const std::string& path,
                                                      const std::string& store_path,
                                                      const std::string& store_id);

  // To read what is there, beside others that read.
  static absl::StatusOr<BackupDirectory> OpenForReading(const std::string& path);

  // To read what is there, whatever others do.
  static absl::Status Check(const std::string& path);

 private:
  explicit BackupDirectory(base::FileDescriptor lock) : lock_(std::move(lock)) {}

  base::FileDescriptor lock_;
};

// Where BackupEngine's files are.
std::string BackupEnginePath(const std::string& directory);

absl::StatusOr<std::unique_ptr<rocksdb::BackupEngineReadOnly>> OpenBackupEngineForReading(
    const std::string& directory);

// "backup DIRECTORY: doing: what RocksDB says", with the codes of FromRocks().
absl::Status FromBackupEngine(const rocksdb::Status& status, const std::string& directory,
                              std::string_view doing);

}  // namespace storage
