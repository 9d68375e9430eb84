#include "storage/rocks.h"

#include <array>
#include <deque>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>
#include <vector>

#include "absl/strings/str_format.h"
#include <rocksdb/compaction_filter.h>
#include <rocksdb/env.h>
#include <rocksdb/listener.h>
#include <rocksdb/memtablerep.h>
#include <rocksdb/merge_operator.h>
#include <rocksdb/options.h>
#include <rocksdb/rate_limiter.h>
#include <rocksdb/table.h>

#include "storage/dead_postings.h"
#include "storage/term_index.h"

namespace storage {

namespace {

namespace fs = std::filesystem;

// RocksDB keeps no log of its own. A reader must not write into the directory of a running server;
// and in a server, Debian's build (7.8, with assertions) aborts when its log meets a full disk.
class NoLog : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

// The index is written as operands that RocksDB joins when it likes: see term_index.h.
class PostingsMerge : public rocksdb::MergeOperator {
 public:
  const char* Name() const override { return "auspex.postings.1"; }

  // False, which RocksDB takes for corruption, if an operand is damaged.
  bool FullMergeV2(const MergeOperationInput& in, MergeOperationOutput* out) const override {
    std::vector<std::string_view> operands;
    if (in.existing_value != nullptr) operands.push_back(ToView(*in.existing_value));
    for (const rocksdb::Slice& operand : in.operand_list) operands.push_back(ToView(operand));
    return MergePostings(operands, false, &out->new_value);
  }

  bool PartialMergeMulti(const rocksdb::Slice&, const std::deque<rocksdb::Slice>& operand_list,
                         std::string* out, rocksdb::Logger*) const override {
    std::vector<std::string_view> operands;
    for (const rocksdb::Slice& operand : operand_list) operands.push_back(ToView(operand));
    return MergePostings(operands, true, out);
  }
};

// Hears of failures that no write has returned yet.
class ErrorListener : public rocksdb::EventListener {
 public:
  explicit ErrorListener(std::function<void(const absl::Status&)> on_error)
      : on_error_(std::move(on_error)) {}

  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* status) override {
    if (on_error_ != nullptr) on_error_(FromRocks(*status, "in the background"));
  }

 private:
  const std::function<void(const absl::Status&)> on_error_;
};

rocksdb::DBOptions DatabaseOptions() {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  // One thread flushes and one compacts: on a small machine the listener needs the rest.
  options.max_background_jobs = 2;
  // Compaction yields to acknowledgements. Flushes take precedence within the limit.
  options.rate_limiter.reset(rocksdb::NewGenericRateLimiter(64 << 20));
  // Written pages go to the disk in small steps, so that no fdatasync of the write-ahead log waits
  // behind a whole file of a flush.
  options.bytes_per_sync = 1 << 20;
  options.strict_bytes_per_sync = true;
  // There is one writer. What lets several insert at once costs a third of an insertion.
  options.allow_concurrent_memtable_write = false;
  // Bounds what a start has to replay, and a reader beside a running server.
  options.max_total_wal_size = 128 << 20;
  // Bounds file descriptors: the rest belong to clients.
  options.max_open_files = 512;
  options.info_log = std::make_shared<NoLog>();
  return options;
}

// An acknowledgement may never wait for a compaction: a client waits for 5 s, then it gives up.
// Files pile up instead, and the compaction catches up when the load is lower.
rocksdb::ColumnFamilyOptions OptionsWithoutStalls() {
  rocksdb::ColumnFamilyOptions options;
  // A flush may be slow; writes go on into the next buffers meanwhile.
  options.max_write_buffer_number = 4;
  options.level0_slowdown_writes_trigger = 1000;
  options.level0_stop_writes_trigger = 10000;
  options.soft_pending_compaction_bytes_limit = 0;
  options.hard_pending_compaction_bytes_limit = 0;
  return options;
}

rocksdb::ColumnFamilyOptions JournalOptions() {
  rocksdb::ColumnFamilyOptions options = OptionsWithoutStalls();
  // Most of it is deleted before it is full. Four of these count for the memory of the server.
  options.write_buffer_size = 16 << 20;
  // Appended to, and sorted once when it is flushed or searched: nothing reads the journal while it
  // is in here but a search. A skip list costs more than all the rest of a write.
  options.memtable_factory = std::make_shared<rocksdb::VectorRepFactory>();
  options.compression = rocksdb::kZSTD;
  return options;
}

rocksdb::ColumnFamilyOptions MetaOptions() {
  rocksdb::ColumnFamilyOptions options = OptionsWithoutStalls();
  // Small: some hundred bytes a host.
  options.write_buffer_size = 4 << 20;
  return options;
}

rocksdb::ColumnFamilyOptions SummaryOptions() {
  rocksdb::ColumnFamilyOptions options = OptionsWithoutStalls();
  // About 100 bytes for each block: all of them fit in a few files.
  options.write_buffer_size = 4 << 20;
  options.compression = rocksdb::kZSTD;
  return options;
}

rocksdb::ColumnFamilyOptions ColumnsOptions() {
  rocksdb::ColumnFamilyOptions options = OptionsWithoutStalls();
  // Packed already, and each value is far larger than a block of RocksDB's.
  options.compression = rocksdb::kNoCompression;
  options.write_buffer_size = 8 << 20;
  return options;
}

rocksdb::ColumnFamilyOptions TermsOptions(std::shared_ptr<DeadPostingsFilters> filters) {
  rocksdb::ColumnFamilyOptions options = OptionsWithoutStalls();
  options.merge_operator = std::make_shared<PostingsMerge>();
  options.compaction_filter_factory = std::move(filters);
  options.compression = rocksdb::kZSTD;
  options.write_buffer_size = 8 << 20;
  // Neighbours are alike: paths of one tree. Larger blocks pack better, and a search for one term
  // reads one.
  rocksdb::BlockBasedTableOptions table;
  table.block_size = 16 << 10;
  table.format_version = 5;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

rocksdb::ColumnFamilyOptions TalliesOptions() {
  rocksdb::ColumnFamilyOptions options = OptionsWithoutStalls();
  // They are packed already.
  options.compression = rocksdb::kNoCompression;
  options.write_buffer_size = 8 << 20;
  return options;
}

std::vector<rocksdb::ColumnFamilyDescriptor> ColumnFamilies(
    const std::shared_ptr<DeadPostingsFilters>& filters) {
  return {{rocksdb::kDefaultColumnFamilyName, MetaOptions()},
          {"journal", JournalOptions()},
          {"summaries", SummaryOptions()},
          {"columns", ColumnsOptions()},
          {"terms", TermsOptions(filters)},
          {"tallies", TalliesOptions()}};
}

std::shared_ptr<Rocks> Own(rocksdb::DB* db,
                           const std::vector<rocksdb::ColumnFamilyHandle*>& handles) {
  auto rocks = std::make_shared<Rocks>();
  rocks->db.reset(db);
  rocks->meta = handles[0];
  rocks->journal = handles[1];
  rocks->summaries = handles[2];
  rocks->columns = handles[3];
  rocks->terms = handles[4];
  rocks->tallies = handles[5];
  return rocks;
}

absl::StatusOr<std::shared_ptr<Rocks>> OpenWith(const rocksdb::DBOptions& options,
                                                const std::string& path) {
  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const auto filters = std::make_shared<DeadPostingsFilters>();
  const rocksdb::Status status =
      rocksdb::DB::Open(options, path, ColumnFamilies(filters), &handles, &db);
  if (!status.ok()) return FromRocks(status, "open");
  std::shared_ptr<Rocks> rocks = Own(db, handles);
  rocks->dead_postings = filters;
  return rocks;
}

// Changes whenever RocksDB adds or removes a file: the name and the size of the manifest.
std::string ManifestState(const std::string& path) {
  std::ifstream current(path + "/CURRENT");
  std::string name;
  std::getline(current, name);
  std::error_code error;
  const auto size = fs::file_size(path + "/" + name, error);
  return absl::StrFormat("%s %d", name, error ? 0 : size);
}

absl::StatusOr<std::shared_ptr<Rocks>> TryOpenForReading(const std::string& path) {
  rocksdb::DBOptions options;
  options.info_log = std::make_shared<NoLog>();
  // Files that the writer deletes later stay readable: all of them are open from now on.
  options.max_open_files = -1;
  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const rocksdb::Status status = rocksdb::DB::OpenForReadOnly(
      options, path, ColumnFamilies(std::make_shared<DeadPostingsFilters>()), &handles, &db);
  if (!status.ok()) return FromRocks(status, "open for reading");
  return Own(db, handles);
}

absl::Status Compact(const Rocks& rocks, rocksdb::ColumnFamilyHandle* family,
                     const rocksdb::Slice* begin, const rocksdb::Slice* end,
                     rocksdb::BottommostLevelCompaction bottommost, std::atomic<bool>* stop) {
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction = bottommost;
  options.exclusive_manual_compaction = false;  // Nobody else is to wait for it.
  options.canceled = stop;
  const rocksdb::Status compacted = rocks.db->CompactRange(options, family, begin, end);
  if (compacted.IsIncomplete()) return absl::CancelledError("store: compact: cancelled");
  return FromRocks(compacted, "compact");
}

}  // namespace

Rocks::~Rocks() {
  if (db == nullptr) return;
  for (rocksdb::ColumnFamilyHandle* family : {tallies, terms, columns, summaries, journal, meta}) {
    db->DestroyColumnFamilyHandle(family);
  }
}

absl::StatusOr<OpenedRocks> OpenRocks(const std::string& path,
                                      std::function<void(const absl::Status&)> on_error) {
  rocksdb::DBOptions options = DatabaseOptions();
  options.listeners.push_back(std::make_shared<ErrorListener>(std::move(on_error)));
  options.env->LowerThreadPoolCPUPriority(rocksdb::Env::Priority::LOW);
  // A write that a crash cut off is at the end of a log, and was not acknowledged. Damage anywhere
  // else is the disk's fault, and may have hit acknowledged records.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  absl::StatusOr<std::shared_ptr<Rocks>> rocks = OpenWith(options, path);
  std::string damage;
  if (rocks.status().code() == absl::StatusCode::kDataLoss) {
    damage = std::string(rocks.status().message());
    options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
    rocks = OpenWith(options, path);
  }
  if (!rocks.ok()) return rocks.status();
  return OpenedRocks{.rocks = *std::move(rocks), .damage = std::move(damage)};
}

absl::StatusOr<std::shared_ptr<Rocks>> OpenRocksForReading(const std::string& path) {
  // The writer may flush its log into a file between our reading of the manifest and of the log,
  // and what was in that log would be missing here. The manifest tells: it has changed then. A
  // flush takes longer than our opening, so a few attempts are enough.
  constexpr int kAttempts = 10;
  for (int attempt = 1;; ++attempt) {
    const std::string before = ManifestState(path);
    absl::StatusOr<std::shared_ptr<Rocks>> rocks = TryOpenForReading(path);
    const bool undisturbed = ManifestState(path) == before;
    if (undisturbed || attempt == kAttempts) {
      if (rocks.ok() && !undisturbed) return absl::UnavailableError("store: changes too fast");
      return rocks;
    }
  }
}

absl::Status FlushAll(const Rocks& rocks) {
  return FromRocks(
      rocks.db->Flush(rocksdb::FlushOptions(), {rocks.meta, rocks.journal, rocks.summaries,
                                                rocks.columns, rocks.terms, rocks.tallies}),
      "flush");
}

uint64_t TableBytes(const Rocks& rocks, rocksdb::ColumnFamilyHandle* family) {
  uint64_t bytes = 0;
  rocks.db->GetIntProperty(family, rocksdb::DB::Properties::kLiveSstFilesSize, &bytes);
  return bytes;
}

absl::Status CompactJournal(const Rocks& rocks) {
  return FromRocks(rocks.db->CompactRange({}, rocks.journal, nullptr, nullptr), "compact");
}

absl::Status CompactColumns(const Rocks& rocks, const std::string& begin, const std::string& end,
                            std::atomic<bool>* stop) {
  const rocksdb::Slice first(begin), last(end);
  return Compact(rocks, rocks.columns, &first, &last,
                 rocksdb::BottommostLevelCompaction::kIfHaveCompactionFilter, stop);
}

absl::Status CompactFamily(const Rocks& rocks, rocksdb::ColumnFamilyHandle* family,
                           std::atomic<bool>* stop) {
  return Compact(rocks, family, nullptr, nullptr,
                 rocksdb::BottommostLevelCompaction::kForceOptimized, stop);
}

absl::Status FromRocks(const rocksdb::Status& status, std::string_view doing) {
  if (status.ok()) return absl::OkStatus();
  const std::string message = absl::StrFormat("store: %s: %s", doing, status.ToString());
  if (status.IsCorruption()) return absl::DataLossError(message);
  if (status.IsNoSpace() || status.subcode() == rocksdb::Status::kNoSpace) {
    return absl::ResourceExhaustedError(message);
  }
  return absl::UnavailableError(message);
}

}  // namespace storage
