#include <algorithm>
#include <map>
#include <utility>
#include <xxhash.h>

#include "absl/strings/str_format.h"

#include "storage/block_plan.h"
#include "storage/block_store.h"
#include "storage/block_tally.h"
#include "storage/host_state.h"
#include "storage/journal.h"
#include "storage/store_inspect.h"

namespace storage {

namespace {

// What the index says of one block, as a sum that does not depend on the order.
struct TermSum {
  uint64_t sum = 0;
  uint64_t terms = 0;

  void Add(query::TermField field, std::string_view value, uint32_t events) {
    const uint64_t seed = uint64_t{static_cast<uint8_t>(field)} << 32 | events;
    sum += XXH3_64bits_withSeed(value.data(), value.size(), seed);
    ++terms;
  }

  friend bool operator==(const TermSum&, const TermSum&) = default;
};

// Which records of a host were seen. Numbers come in runs, so a bit each from the first one on is
// less than anything that is sorted.
class Positions {
 public:
  // False if it was seen before.
  bool Add(uint64_t position) {
    std::vector<bool>& page = pages_[position / kPage];
    if (page.empty()) page.resize(kPage);
    const bool is_new = !page[position % kPage];
    page[position % kPage] = true;
    return is_new;
  }

 private:
  static constexpr uint64_t kPage = uint64_t{1} << 16;
  std::map<uint64_t, std::vector<bool>> pages_;
};

class Checker {
 public:
  Checker(const StoreView& view, const WantedHosts& hosts, const std::stop_token& stop,
          const std::function<void(const std::string&)>& wrong)
      : view_(view), hosts_(hosts), stop_(stop), wrong_(wrong) {
    options_.snapshot = view.snapshot.get();
    options_.verify_checksums = true;
  }

  absl::Status Check() {
    absl::Status status = ReadIndex();
    for (HostId host = 0; host < hosts_.size() && status.ok(); ++host) {
      if (hosts_[host]) status = CheckHost(host);
    }
    if (!status.ok()) return status;
    for (const auto& [id, sum] : index_) {
      wrong_(absl::StrFormat("index: names %s in %d terms, which is not there", ToText(id),
                             sum.terms));
    }
    return CheckJournal();
  }

 private:
  absl::Status ReadIndex() {
    constexpr DayRange kAllDays{.from = 0, .to = std::numeric_limits<Day>::max()};
    for (const query::TermField field : query::TermFields()) {
      const absl::Status read = ForEachPostings(
          *view_.rocks, options_, field, kAllDays, stop_,
          [&](const std::string& value, Day day, const std::vector<Posting>& postings) {
            for (const Posting& posting : postings) {
              const BlockId id{.host = posting.host, .day = day, .number = posting.block};
              index_[id].Add(field, value, posting.events);
            }
          });
      if (!read.ok()) return read;
    }
    return absl::OkStatus();
  }

  absl::Status CheckHost(HostId host) {
    Positions positions;
    const std::unique_ptr<rocksdb::Iterator> entry(
        view_.rocks->db->NewIterator(options_, view_.rocks->summaries));
    for (entry->Seek(EncodeBlockKey({.host = host})); entry->Valid(); entry->Next()) {
      if (stop_.stop_requested()) return absl::CancelledError("check: cancelled");
      const absl::StatusOr<BlockId> id = DecodeBlockKey(ToView(entry->key()));
      if (!id.ok()) {
        wrong_(std::string(id.status().message()));
        continue;
      }
      if (id->host != host) break;
      const absl::Status checked = CheckBlock(*id, &positions);
      if (!checked.ok()) wrong_(std::string(checked.message()));
      index_.erase(*id);
    }
    for (const OpenEvents& open : view_.open) {
      if (open.host != host) continue;
      for (const std::shared_ptr<const OpenEvent>& event : open.events) {
        for (size_t i = 0; i < event->event.record_count(); ++i) {
          CheckPosition(event->event.tag(i), &positions, "journal of host " + hosts_[host]->name);
        }
      }
    }
    return FromRocks(entry->status(), "read summaries");
  }

  void CheckPosition(uint64_t position, Positions* positions, const std::string& where) {
    if (positions->Add(position)) return;
    wrong_(absl::StrFormat("%s: record %d of the host is stored twice", where, position));
  }

  absl::Status CheckBlock(const BlockId& id, Positions* positions) {
    const auto block = LoadBlock(*view_.rocks, options_, id);
    if (!block.ok()) return block.status();
    BlockReader& reader = *(*block)->reader;
    // Written again it must have the same summary: that is made of each record.
    BlockWriter writer;
    std::string line;
    for (uint32_t event = 0; event < reader.event_count(); ++event) {
      const EventHead head = reader.head(event);
      writer.BeginEvent(head);
      if (DayOf(head.time_ms) != id.day) {
        wrong_(ToText(id) + ": holds an event of another day");
      }
      const uint32_t end = reader.first_record(event + 1);
      for (uint32_t record = reader.first_record(event); record < end; ++record) {
        line.clear();
        const absl::Status read = reader.AppendLine(event, record, &line);
        if (!read.ok()) return AtBlock(id, read);
        writer.AddRecord(line, reader.origin(record));
        CheckPosition(reader.origin(record).position, positions, ToText(id));
      }
    }
    BlockSummary again = writer.Finish().summary;
    if (!(*block)->summary.has_ends) {
      again.has_ends = false;
      again.end_min = again.order_min.arrival;
    }
    again.columns_bytes = (*block)->summary.columns_bytes;
    again.columns_checksum = (*block)->summary.columns_checksum;
    if (again != (*block)->summary) wrong_(ToText(id) + ": the summary is not that of its records");
    const absl::StatusOr<std::vector<TermCount>> terms = CountTerms(reader);
    if (!terms.ok()) return AtBlock(id, terms.status());
    TermSum sum;
    for (const TermCount& count : *terms) {
      sum.Add(count.term.field, count.term.value, count.events);
    }
    if (index_[id] != sum) {
      wrong_(absl::StrFormat("%s: the index does not have its terms (%d, of %d)", ToText(id),
                             index_[id].terms, sum.terms));
    }
    return CheckTally(id, reader);
  }

  // A block that an older program has written has none.
  absl::Status CheckTally(const BlockId& id, BlockReader& reader) {
    const absl::StatusOr<std::string> stored = LoadTally(*view_.rocks, options_, id);
    if (absl::IsNotFound(stored.status())) return absl::OkStatus();
    if (!stored.ok()) return stored.status();
    const absl::StatusOr<std::string> counted = EncodeTallyOf(reader);
    if (!counted.ok()) return AtBlock(id, counted.status());
    if (absl::IsUnimplemented(StoredTally::Open(*stored).status())) return absl::OkStatus();
    if (*stored != *counted) wrong_(ToText(id) + ": the tally is not that of its events");
    return absl::OkStatus();
  }

  absl::Status CheckJournal() {
    const std::unique_ptr<rocksdb::Iterator> entry(
        view_.rocks->db->NewIterator(options_, view_.rocks->journal));
    for (entry->SeekToFirst(); entry->Valid(); entry->Next()) {
      const absl::StatusOr<JournalKey> key = DecodeJournalKey(ToView(entry->key()));
      if (!key.ok()) {
        wrong_(std::string(key.status().message()));
        continue;
      }
      if (key->host >= hosts_.size()) wrong_("journal: has a host that is in no table");
      absl::StatusOr<HostState> state = LoadHostState(*view_.rocks, key->host);
      absl::Status read = state.status();
      if (state.ok()) {
        OpenHost reader(*std::move(state));
        read = reader.AddJournal(*key, ToView(entry->value()));
      }
      if (!read.ok()) {
        wrong_(absl::StrFormat("arrival %d of host %d: %s", key->arrival, key->host,
                               std::string(read.message())));
      }
    }
    return FromRocks(entry->status(), "read the journal");
  }

  const StoreView& view_;
  const WantedHosts& hosts_;
  const std::stop_token& stop_;
  const std::function<void(const std::string&)>& wrong_;
  rocksdb::ReadOptions options_;
  std::map<BlockId, TermSum> index_;  // Of blocks that were not checked yet.
};

}  // namespace

absl::Status CheckStore(const StoreView& view, const WantedHosts& hosts,
                        const std::stop_token& stop,
                        const std::function<void(const std::string& what)>& wrong) {
  return Checker(view, hosts, stop, wrong).Check();
}

}  // namespace storage
