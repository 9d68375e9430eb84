#include "cli/store_command.h"

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "cli/backups.h"
#include "cli/exit_status.h"
#include "cli/remote/admin_call.h"
#include "cli/store.h"
#include <CLI/CLI.hpp>

namespace cli {

namespace {

// What the subcommands have in common: how they end.
int End(const CLI::App* command, const absl::Status& status) {
  return ExitStatus("auspex store " + command->get_name(), status);
}

class Look {
 public:
  explicit Look(CLI::App& app)
      : stats_(app.add_subcommand("stats", "How much there is, and what it takes")),
        check_(app.add_subcommand("check",
                                  "Read everything, and name what is damaged or does not agree")),
        export_(app.add_subcommand("export", "Print records as they were received, host by host")) {
    for (CLI::App* const command : {stats_, check_, export_}) {
      command->add_option("--store", store_, "The store")->required();
    }
    export_->add_option("--host", hosts_, "Hosts whose name matches the shell pattern");
    export_->add_option("--from", from_, "From this time on: 2026-11-24, 2026-11-24T12:00:00Z");
    export_->add_option("--to", to_, "Before this time");
  }

  // None if it is another command.
  std::optional<int> Run() const {
    if (stats_->parsed()) return End(stats_, PrintStoreStats(store_, std::cout));
    if (check_->parsed()) return RunCheck();
    if (export_->parsed()) return End(export_, RunExport());
    return std::nullopt;
  }

 private:
  int RunCheck() const {
    const absl::StatusOr<uint64_t> wrong = CheckStore(store_, std::cout);
    if (!wrong.ok()) return End(check_, wrong.status());
    if (*wrong == 0) std::cout << "all is well\n";
    return *wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
  }

  absl::Status RunExport() const {
    query::TimeRange time;
    if (!from_.empty()) {
      const absl::StatusOr<uint64_t> from_ms = ParseExportTime(from_);
      if (!from_ms.ok()) return from_ms.status();
      time.from_ms = *from_ms;
    }
    if (!to_.empty()) {
      const absl::StatusOr<uint64_t> to_ms = ParseExportTime(to_);
      if (!to_ms.ok()) return to_ms.status();
      if (*to_ms == 0) return absl::OkStatus();
      time.to_ms = *to_ms - 1;
    }
    return ExportStore(store_, hosts_, time, std::cout);
  }

  CLI::App* const stats_;
  CLI::App* const check_;
  CLI::App* const export_;
  std::string store_;
  std::vector<std::string> hosts_;
  std::string from_;
  std::string to_;
};

class Backups {
 public:
  explicit Backups(CLI::App& app)
      : backup_(app.add_subcommand(
            "backup", "Make a backup: of a collector's store while it goes on, or of a store")),
        backups_(app.add_subcommand("backups", "List the backups of a directory")),
        verify_(app.add_subcommand("verify", "Read a backup, and name what is damaged")),
        restore_(app.add_subcommand("restore", "Make a store of a backup")) {
    for (CLI::App* const command : {backups_, verify_, restore_}) {
      command->add_option("DIRECTORY", directory_, "Where the backups are")->required();
    }
    backup_->add_option("DIRECTORY", directory_,
                        "Where the backups are: of a collector, backup_dir or below it");
    CLI::Option* const store =
        backup_->add_option("--store", store_, "The store, which no auspexd is writing to");
    backup_->add_option("--server", server_, kServerHelp)->excludes(store);
    backup_->add_option("--keep", keep_count_, "Backups that are left, this one included")
        ->check(CLI::Range(1U, UINT32_MAX))
        ->capture_default_str();
    for (CLI::App* const command : {verify_, restore_}) {
      command->add_option("--id", id_, "The backup (default: the last one)");
    }
    restore_->add_option("--to", store_, "The new store: an empty or missing directory")
        ->required();
  }

  // None if it is another command.
  std::optional<int> Run() const {
    if (backup_->parsed()) return End(backup_, RunBackup());
    if (backups_->parsed()) return End(backups_, PrintBackups(directory_, std::cout));
    if (verify_->parsed()) return End(verify_, VerifyBackup(directory_, id_, std::cout));
    if (!restore_->parsed()) return std::nullopt;
    return End(restore_,
               RestoreStore({.backup_directory = directory_, .id = id_, .store_directory = store_},
                            std::cout));
  }

 private:
  absl::Status RunBackup() const {
    const storage::BackupRequest request{.directory = directory_, .keep_count = keep_count_};
    if (store_.empty()) return BackUpCollector(server_, request, std::cout);
    if (directory_.empty()) return absl::InvalidArgumentError("DIRECTORY is required with --store");
    return BackUpStore(store_, request, std::cout);
  }

  CLI::App* const backup_;
  CLI::App* const backups_;
  CLI::App* const verify_;
  CLI::App* const restore_;
  std::string directory_;
  std::string store_;
  std::string server_;
  uint32_t keep_count_ = storage::kBackupsKept;
  std::optional<uint32_t> id_;
};

}  // namespace

int StoreCommand(int argc, char** argv) {
  CLI::App app("A store as a whole, also while auspexd writes to it", "auspex store");
  app.require_subcommand(1);
  const Look look(app);
  const Backups backups(app);
  CLI11_PARSE(app, argc, argv);
  if (const std::optional<int> status = look.Run()) return *status;
  return backups.Run().value_or(EXIT_FAILURE);
}

}  // namespace cli
