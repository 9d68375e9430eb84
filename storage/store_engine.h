// What stands behind EventStore: its database, its threads, and what it knows of hosts and clients.

#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include <rocksdb/write_batch.h>

#include "storage/batch_numbers.h"
#include "storage/block_merger.h"
#include "storage/day_trimmer.h"
#include "storage/event_store.h"
#include "storage/host_losses.h"
#include "storage/host_pace.h"
#include "storage/host_table.h"
#include "storage/indexer.h"
#include "storage/journal.h"
#include "storage/retention.h"
#include "storage/retry_marks.h"
#include "storage/rocks.h"
#include "storage/store_directory.h"
#include "storage/store_tables.h"
#include "storage/store_view.h"
#include "storage/whole_events.h"

namespace storage {

// An open database and those who work on it. The order of the members is that in which they start.
struct Running {
  Running(std::shared_ptr<Rocks> opened, const StoreOptions& options, const StoreTables& tables,
          WholeEvents& whole, std::function<void()> on_room,
          std::function<void(const absl::Status&)> on_failure)
      : rocks(std::move(opened)),
        merger(rocks, numbers, blocks_mutex, options.now_ms, options.on_problem),
        indexer(rocks, numbers,
                {.limits = {.open_bytes_max = options.open_bytes_max, .seal_age = options.seal_age},
                 .next_arrival = tables.next_arrival,
                 .next_order = tables.next_order},
                whole,
                {.on_block = [this](HostId host, Day day) { merger.Notice(host, day); },
                 .on_room = std::move(on_room),
                 .on_damage = options.on_problem,
                 .on_failure = std::move(on_failure)}) {}

  const std::shared_ptr<Rocks> rocks;
  std::stop_source closing;  // For who holds `rocks` for long: else it is not opened again.
  BlockNumbers numbers;
  std::mutex blocks_mutex;  // Held while blocks are read and replaced, deleted, or put on hold.
  BlockMerger merger;
  const SharedBlocks shared_blocks{.numbers = numbers, .mutex = blocks_mutex, .merger = merger};
  Indexer indexer;
};

// Its public functions do what those of EventStore of the same name promise.
class EventStore::Engine {
 public:
  Engine(std::string path, const StoreOptions& options)
      : path_(std::move(path)), options_(options) {}

  // Threads of the store still report here until they have ended.
  ~Engine() { CloseDatabase(); }

  absl::Status OpenForWriting();
  absl::Status OpenForReading();

  absl::StatusOr<AppendResult> Append(std::span<Delivery> deliveries);
  absl::StatusOr<uint64_t> LastBatchNumber(const Identity& agent, std::string_view boot_id);
  bool has_room() const { return writing_ == nullptr || writing_->indexer.has_room(); }
  void OnRoom(std::function<void()> told);
  absl::Status SyncIfDue();
  absl::Status Seal();
  uint64_t NextConnection();
  absl::StatusOr<HostList> ListHosts(const HostListRequest& request) const;
  StoreActivity Activity() const;
  ActiveHosts WhoIsActive(size_t hosts_max) const;
  bool is_open() const { return running() != nullptr; }
  absl::Status Settle(std::stop_token stop);
  absl::Status DropDay(const Identity& host, Day day);
  absl::StatusOr<std::unique_ptr<Import>> StartImport(const ImportOptions& options);
  absl::StatusOr<BackupResult> Backup(const BackupRequest& request);

  absl::StatusOr<uint64_t> AddHold(Hold hold);
  absl::Status RemoveHold(uint64_t id);
  absl::StatusOr<std::vector<Hold>> Holds() const;
  absl::StatusOr<std::vector<RuleEffect>> PreviewRetention(const RetentionPolicy& policy,
                                                           std::stop_token stop) const;
  absl::Status ApplyRetention(const RetentionPolicy& policy, std::stop_token stop,
                              const std::function<void(const Deletion&)>& deleted);
  absl::StatusOr<uint64_t> DropOldest(uint64_t bytes, std::stop_token stop,
                                      const std::function<void(const Deletion&)>& deleted);

  // The store as it is, and the hosts that match one of the patterns, by number.
  struct Moment {
    StoreView view;
    std::vector<std::optional<Identity>> hosts;
  };
  absl::StatusOr<Moment> Look(const std::vector<std::string>& host_patterns,
                              const std::stop_token& stop,
                              const std::vector<std::string>& visible_hosts = {}) const;

  absl::Status Follow(const FollowRequest& request, const FollowSink& sink);

  const std::string& path() const { return path_; }

  void SetFlush(Flush flush, uint32_t flush_records) {
    options_.flush = flush;
    options_.flush_records = flush_records;
  }

  void SetSealing(size_t open_bytes_max, std::chrono::seconds seal_age) {
    options_.open_bytes_max = open_bytes_max;
    options_.seal_age = seal_age;
    if (writing_ == nullptr) return;  // The next one to open begins with them.
    writing_->indexer.SetLimits({.open_bytes_max = open_bytes_max, .seal_age = seal_age});
  }

 private:
  class WantedHosts;

  // What a host has delivered.
  struct Delivered {
    HostId host = 0;
    HostActivity activity = {};
    std::optional<uint64_t> stamp_ms = {};  // Of the last record, unless it is malformed.
  };

  absl::Status OpenDatabase();
  absl::Status Reopen();
  void CloseAfterFailure();
  void CloseDatabase();
  HostId HostFor(const Identity& identity, const std::string& address, rocksdb::WriteBatch* write,
                 uint64_t* overflowed = nullptr);
  absl::Status EnsureWritable();
  void AddDelivery(Delivery* delivery, rocksdb::WriteBatch* write, AppendResult* result);
  void TakeLosses(HostId host, const BootLosses& told, rocksdb::WriteBatch* write);
  void AddBatch(Batch batch, JournalHeader header, rocksdb::WriteBatch* write,
                AppendResult* result);
  absl::Status Write(rocksdb::WriteBatch* write, uint64_t records);
  void NoteActivity();
  std::shared_ptr<Running> running() const;
  std::vector<Identity> AllHosts() const;
  void StopBackups();
  void AllowBackups();
  void Reclaim(const Running& running, const std::stop_token& stop);
  void SetReclaimIsDue(bool is_due);
  absl::Status GiveBack(const Running& running, std::vector<Deletion> deletions,
                        const std::stop_token& stop) const;

  // How far a follower has come that searches the store.
  struct CaughtUp {
    bool is_wanted = true;  // Else the sink wants no more.
    bool is_whole = true;   // Else there is more behind the place that was reached.
  };
  absl::StatusOr<CaughtUp> CatchUp(const FollowRequest& request, const FollowSink& sink,
                                   SearchCursor* reached) const;

  const std::string path_;
  StoreOptions options_;
  std::optional<StoreDirectory> directory_;
  WholeEvents whole_{options_.follow_bytes_max};

  // Of the thread that appends.
  std::shared_ptr<Running> writing_;                 // running_ as well; null after a failed write.
  std::vector<Indexer::Group> groups_;               // Of the write that is being made,
  std::vector<Delivered> delivered_;                 // likewise,
  absl::flat_hash_map<HostId, Losses> told_losses_;  // likewise.
  std::string damage_;                               // Not told yet.
  RetryMarks marks_;
  BatchNumbers numbers_{options_.hosts_max};
  HostLosses losses_;
  uint64_t next_arrival_ = 0;
  uint64_t records_unsynced_ = 0;
  std::chrono::steady_clock::time_point last_reopen_{};

  std::mutex on_room_mutex_;  // Guards what follows, and is held while it is called.
  std::function<void()> on_room_;

  std::mutex backup_mutex_;   // Held by the one backup that is made,
  std::mutex copying_mutex_;  // and while it keeps files of the store from being deleted.

  mutable std::mutex mutex_;      // Guards what follows.
  std::stop_source backup_stop_;  // Of the backup that is made, and of the next one.
  bool reclaim_is_due_ = true;    // Perhaps: something was deleted, by an earlier process as well.
  std::shared_ptr<Running> running_;
  std::shared_ptr<Rocks> reading_;  // Instead of running_, where nothing is written.
  bool indexer_failed_ = false;
  HostTable hosts_;
  std::vector<HostActivity> activity_;        // By number; no longer than hosts_.
  std::vector<HostPaceMeter> pace_;           // Likewise.
  absl::flat_hash_map<HostId, Losses> lost_;  // What is written of losses_.
  uint64_t next_connection_ = 0;
};

}  // namespace storage
