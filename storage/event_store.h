// The store of a collector: every record that was acknowledged, by host.
//
// This face speaks of batches, predicates and events, not of keys and iterators: what lies behind
// it may change (storage/README.md tells what does today).

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/clock.h"
#include "storage/backup.h"
#include "storage/batch.h"
#include "storage/flush.h"
#include "storage/hold.h"
#include "storage/host_activity.h"
#include "storage/host_list.h"
#include "storage/import.h"
#include "storage/inspect.h"
#include "storage/report.h"
#include "storage/retention.h"
#include "storage/search.h"

namespace storage {

struct StoreOptions {
  Flush flush = Flush::kSync;
  uint32_t flush_records = 50;  // As auditd.conf's default for freq.

  // Nodes beyond this are stored under the address of their client, and addresses beyond twice this
  // under one host of the name "overflow": a client that invents node names must not fill the
  // memory (about 200 bytes a host). Far above the 20,000 hosts that a collector is made for.
  // It is the most agents whose batch numbers are kept, too.
  uint32_t hosts_max = 200'000;

  // What may be in memory and in no block yet: see indexer.h.
  size_t open_bytes_max = size_t{256} << 20;
  std::chrono::seconds seal_age{3600};

  // Events that are kept in memory for followers, about, while there are some.
  size_t follow_bytes_max = size_t{16} << 20;

  // What has to be dead of the columns, at least, before files are rewritten for it. What is less
  // is not worth it.
  uint64_t reclaim_bytes_min = uint64_t{64} << 20;

  // The collector's clock, for what must happen when a day is over.
  std::function<uint64_t()> now_ms = &base::NowMs;

  // Called, on a thread of the store, when something fails that no call returns: a block that
  // cannot be written or read, a background error of the database. One line for an administrator.
  // It must not call the store.
  std::function<void(const absl::Status&)> on_problem = [](const absl::Status&) {};
};

// What an Append() did.
struct AppendResult {
  uint64_t records = 0;             // Stored.
  uint64_t bytes = 0;               // Stored, without framing.
  uint64_t malformed = 0;           // Of the records: those that are no audit records.
  uint64_t duplicates_dropped = 0;  // Sent again by their clients, stored before.
  uint64_t hosts_overflowed = 0;    // Batches that found no place in the table of hosts.

  // What was found damaged in the journal when it was last opened, and had to be left out, in one
  // line; told once. Empty after any crash or power loss that the disk survived whole.
  std::string damage = {};
};

// Append(), has_room(), LastBatchNumber(), SyncIfDue(), SetFlush() and SetSealing() belong to one
// thread, everything else to any.
class EventStore {
 public:
  // Opens the store at `path` for reading and writing, and makes an empty one if there is none.
  // After a crash it holds everything that Append() had returned for. Fails as
  // StoreDirectory::OpenForWriting does, or with kDataLoss if the files are damaged.
  static absl::StatusOr<std::unique_ptr<EventStore>> Open(const std::string& path,
                                                          const StoreOptions& options);

  // Opens the store as it is at this moment, while another process may write to it. Append() fails.
  static absl::StatusOr<std::unique_ptr<EventStore>> OpenForReading(const std::string& path);

  ~EventStore();

  // Stores the deliveries, all or none, in this order, as durably as `flush` says, and takes their
  // batches: save records that a client has sent again, and batches of agents whose receipt says
  // that they are not. After a failure (kUnavailable, or kResourceExhausted when the disk is full)
  // nothing may be acknowledged; the next call first tries to bring the store back, at most once a
  // second.
  absl::StatusOr<AppendResult> Append(std::span<Delivery> deliveries);

  // Whether there is room for much. Without it Append() of some megabytes may have to wait until
  // the indexer has read what was appended before, and so may whatever is appended after it.
  bool has_room() const;

  // `told` is called, on a thread of the store, when has_room() may be true again. It must not call
  // the store. When this returns, what was set before is called no more.
  void OnRoom(std::function<void()> told);

  // The number of the last batch that is stored of an agent's boot, as durable as what Append() has
  // returned for; 0 if there is none. Fails as Append() does.
  absl::StatusOr<uint64_t> LastBatchNumber(const Identity& agent, std::string_view boot_id);

  // Makes everything that was appended durable, if kIncrementalAsync says that it is time. To be
  // called after the acknowledgements are on their way.
  absl::Status SyncIfDue();

  // Begins to move what was appended into blocks. Does not wait for it.
  absl::Status Seal();

  // Waits until all that was appended is in blocks, these are joined as far as they can be, and all
  // of it is on the disk. kCancelled if `stop` is requested first.
  absl::Status Settle(std::stop_token stop);

  // Begins to bring logs into the store. Nothing else may write to it until the import is gone; it
  // must not outlive the store.
  absl::StatusOr<std::unique_ptr<Import>> StartImport(const ImportOptions& options);

  // Takes all events of one UTC day, counted from the epoch, of a host out of the store, as far as
  // they are in blocks. kNotFound if there is no such host, kFailedPrecondition if a hold keeps it.
  absl::Status DropDay(const Identity& host, uint32_t day);

  // Protects what a hold tells from all deletion, and returns its id. Durable when it returns; no
  // deletion that does not know it goes on then. kInvalidArgument names what is wrong with it,
  // kResourceExhausted for more than kHoldsMax.
  absl::StatusOr<uint64_t> AddHold(Hold hold);

  // Ends a hold, as durably. kNotFound if there is none with this id.
  absl::Status RemoveHold(uint64_t id);

  // By id.
  absl::StatusOr<std::vector<Hold>> Holds() const;

  // What ApplyRetention() would delete now, by rule, in the order of the policy: each is told, also
  // if it would delete nothing. Reads blocks, and packs what would be left of them, where rules by
  // key or type decide. Fails likewise.
  absl::StatusOr<std::vector<RuleEffect>> PreviewRetention(const RetentionPolicy& policy,
                                                           std::stop_token stop) const;

  // Deletes what has expired and is in blocks (retention.h tells when that is), but for what is
  // held. Calls `deleted`, on this thread, with what is gone for good. A day of which all goes is
  // not read; of others, the blocks that have such events are written again without them. A crash
  // in the middle leaves each day, and each of those blocks, as it was or as it is to be.
  // kCancelled if `stop` is requested. If a quarter of the files is dead then, they are rewritten
  // before it returns.
  absl::Status ApplyRetention(const RetentionPolicy& policy, std::stop_token stop,
                              const std::function<void(const Deletion&)>& deleted);

  // Deletes the oldest days, over all hosts and whatever the policy says, until their columns make
  // `bytes`, and returns how many that were: less, or 0, if nothing more may go, which is what is
  // held, and what is of today or was received today. Told under kRotateRule. When it
  // returns, the files have shrunk by about as much, unless a reader still sees what was there.
  // Ends a backup that is being made, which keeps files.
  absl::StatusOr<uint64_t> DropOldest(uint64_t bytes, std::stop_token stop,
                                      const std::function<void(const Deletion&)>& deleted);

  // A number for a new connection, never given before in this store.
  uint64_t NextConnection();

  // Changes how durable the next Append() is.
  void SetFlush(Flush flush, uint32_t flush_records);

  // Changes the options of these names. What is beyond them is soon in blocks.
  void SetSealing(size_t open_bytes_max, std::chrono::seconds seal_age);

  // The hosts that have records and match, by name, and what they have lost. Fails, as Search()
  // does, only if it is asked for what is stored of them, too.
  absl::StatusOr<HostList> ListHosts(const HostListRequest& request) const;

  // Calls `sink` with each event that matches, in the order of the request, until it returns false
  // or the limit is reached. Sees all that was appended before, and nothing that is appended after.
  // Malformed records are in no event. kDataLoss if a part of the store cannot be read.
  absl::Status Search(const SearchRequest& request,
                      const std::function<bool(const FoundEvent&)>& sink) const;

  // Gives events as they become whole, each once, in the order of kWhole; one that tells more after
  // its end is given again. Goes on until it is ended, also over a reopening after a disk error.
  // Holds nothing for a sink that is slow: that one gets the events from the store. Fails as
  // Search() does, and with kOutOfRange if nothing so new as the cursor was ever stored here.
  absl::Status Follow(const FollowRequest& request, const FollowSink& sink) const;

  // Calls `sink` with each malformed record, likewise. The predicate of the request is not used;
  // its time bounds are compared with the time of receipt.
  absl::Status SearchMalformed(const SearchRequest& request,
                               const std::function<bool(const MalformedRecord&)>& sink) const;

  // How many events have each value of a field, the most frequent first. Values are those of the
  // index: query::IndexedTerm().
  absl::StatusOr<std::vector<ValueCount>> Count(const CountRequest& request) const;

  // Counts events over time. Malformed records are in no event. Fails as Search() does;
  // kInvalidArgument for more than kBucketsMax buckets, or a field that is not indexed.
  absl::StatusOr<Histogram> CountOverTime(const HistogramRequest& request) const;

  // Calls `sink` with the tally of the events that pass the filter; if `by_host`, with that of each
  // host, in no order, until it returns false. Blocks that lie whole in the time are added up
  // without opening them, as far as the filter lets it; the result is exact all the same. What is
  // noticed of all events (EventTally::Notice()) is so of those in the time, whatever else the
  // filter asks for. Malformed records are in no event.
  absl::Status Tally(const TallyRequest& request,
                     const std::function<bool(const FoundTally&)>& sink) const;

  // Calls `sink` with the facts of each event that passes the filter, in the order of receipt,
  // until it returns false. Both fail as Search() does, and Tally() at its limit, too.
  // storage/compose_report.h makes whole reports of them.
  absl::Status ReadFacts(const FactsRequest& request,
                         const std::function<bool(const FoundFacts&)>& sink) const;

  // What there is, and what it takes on the disk.
  absl::StatusOr<StoreStats> Stats() const;

  // All zeros where nothing is written.
  StoreActivity Activity() const;

  // The hosts that have delivered something to this EventStore, or have ever told of losses, in the
  // order in which they have first come to the store, up to `hosts_max` of them.
  ActiveHosts WhoIsActive(size_t hosts_max) const;

  // Whether it can be written and searched. Not after a disk error, until Append() has brought it
  // back. For any thread.
  bool is_open() const;

  // Makes a backup of all that was appended before, and of some that is appended meanwhile, while
  // the store goes on; on the disk when it returns, and what a failure or a crash leaves harms no
  // other backup. One at a time. Files that the store deletes meanwhile take their space until the
  // end. Fails as ListBackups() does; with kFailedPrecondition, too, if the backups there are of
  // another store or in use, or one is being made; kResourceExhausted if the disk is full, which
  // harms the store only if it is its own; kCancelled if `stop` is requested; kUnavailable if the
  // store had to be closed after a disk error, or had to make room by DropOldest(). A failure to
  // delete old backups is told as one, and the message says that the backup was made.
  absl::StatusOr<BackupResult> Backup(const BackupRequest& request);

  // Reads everything, and calls `wrong` with one line for each thing that is not as it should be: a
  // block, a term or a part of the journal that is damaged, that does not agree with the others, or
  // that is there twice. OK if all could be looked at.
  absl::Status Check(std::stop_token stop,
                     const std::function<void(const std::string& what)>& wrong) const;

  // Calls `sink` with the records as they were received, host by host, in the order in which each
  // host's arrived, until it returns false.
  absl::Status Export(const ExportRequest& request,
                      const std::function<bool(const ExportedRecord&)>& sink) const;

 private:
  class Engine;  // Keeps RocksDB out of this header.
  explicit EventStore(std::unique_ptr<Engine> engine);

  std::unique_ptr<Engine> engine_;
};

}  // namespace storage
