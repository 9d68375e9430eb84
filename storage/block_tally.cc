#include "storage/block_tally.h"

#include <array>
#include <utility>
#include <vector>
#include <xxhash.h>

#include "absl/strings/str_cat.h"

#include "storage/block_facts.h"
#include "storage/coding.h"
#include "storage/column.h"
#include "storage/frames.h"

namespace storage {

namespace {

using query::EventTally;
using query::Outcome;
using query::TallyList;
using query::ValueTally;

// Counts up when tallies of the same events become others: with the format, with a TallyList or an
// EventClass, and with any rule that EventFactsBuilder and EventTally::Add() follow.
constexpr uint8_t kVersion = 1;
constexpr size_t kChecksumBytes = 8;

// The host is the reader's to say.
constexpr HostId kNoHost = 0;

enum ListColumn : uint8_t { kValues, kCounts, kArrivals, kRanks };
constexpr size_t kListColumns = kRanks + 1;
constexpr size_t kLists = query::kOutcomes * query::kTallyLists;

absl::Status Damaged(const char* part) {
  return absl::DataLossError(absl::StrCat("tally: bad ", part));
}

Outcome OutcomeOf(size_t list) { return static_cast<Outcome>(list / query::kTallyLists); }
TallyList TallyListOf(size_t list) { return static_cast<TallyList>(list % query::kTallyLists); }

// ---- Writing ----

void PutEdge(const EventTally::Edge& edge, std::string* out) {
  PutVarint(out, edge.place[0]);
  PutVarint(out, edge.place[1]);
  PutVarint(out, edge.time_ms);
}

void PutSerials(const query::SerialRuns& serials, std::string* out) {
  PutVarint(out, serials.runs().size());
  query::SerialRuns::Run before;
  for (const query::SerialRuns::Run& run : serials.runs()) {
    PutVarint(out, ZigZag(uint64_t{run.first} - before.last));
    PutVarint(out, run.last - run.first);
    PutVarint(out, ZigZag(run.time_ms - before.time_ms));
    before = run;
  }
}

class TallyEncoder {
 public:
  TallyEncoder() : frames_(packer_) {}

  std::string Encode(const EventTally& tally, const std::optional<std::string>& node) {
    directory_.push_back(node ? 1 : 0);
    if (node) PutBytes(&directory_, *node);
    directory_.push_back(tally.first() ? 1 : 0);
    if (tally.first()) {
      PutEdge(*tally.first(), &directory_);
      PutEdge(*tally.last(), &directory_);
      PutVarint(&directory_, tally.latest_ms());
      PutSerials(tally.serials(), &directory_);
    }
    for (size_t list = 0; list < kLists; ++list) {
      PutList(tally.list(OutcomeOf(list), TallyListOf(list)));
    }
    std::vector<FrameSize> sizes;
    const std::string packed_frames = frames_.Finish(&sizes);
    PutFrameSizes(sizes, &directory_);
    std::string bytes(1, static_cast<char>(kVersion));
    PutBytes(&bytes, directory_);
    bytes.append(packed_frames);
    PutFixed64(&bytes, XXH3_64bits(bytes.data(), bytes.size()));
    return bytes;
  }

 private:
  void PutList(const ValueTally& list) {
    const auto& entries = list.entries();
    PutVarint(&directory_, entries.size());
    if (entries.empty()) return;
    ColumnWriter values;
    std::array<std::vector<uint64_t>, kListColumns> numbers;
    for (const ValueTally::Entry& entry : entries) {
      values.Set(static_cast<uint32_t>(numbers[kCounts].size()), entry.value);
      numbers[kCounts].push_back(entry.count);
      numbers[kArrivals].push_back(entry.first[0]);
      numbers[kRanks].push_back(entry.first[1]);
    }
    values.Finish(static_cast<uint32_t>(entries.size()));
    std::string column;
    Coding coding = values.Encode(false, &column);
    PutColumn(coding, column);
    for (const ListColumn which : {kCounts, kArrivals, kRanks}) {
      column.clear();
      coding = EncodeNumbers(numbers[which], &column);
      PutColumn(coding, column);
    }
  }

  void PutColumn(Coding coding, std::string_view column) {
    directory_.push_back(static_cast<char>(coding));
    PutVarint(&directory_, column.size());
    frames_.Add(column);
  }

  Packer packer_;
  FrameWriter frames_;
  std::string directory_;
};

// ---- Reading ----

bool TakeEdge(std::string_view* in, EventTally::Edge* edge) {
  EventOrder order;
  if (!TakeVarint(in, &order.arrival) || !TakeVarint32(in, &order.rank)) return false;
  edge->place = KeyOf(order, kNoHost);
  return TakeVarint(in, &edge->time_ms);
}

bool TakeSerials(std::string_view* in, query::SerialRuns* serials) {
  uint32_t count = 0;
  if (!TakeVarint32(in, &count) || count > in->size()) return false;
  query::SerialRuns::Run before;
  for (uint32_t i = 0; i < count; ++i) {
    uint64_t difference = 0;
    uint32_t length = 0;
    uint64_t time = 0;
    if (!TakeVarint(in, &difference) || !TakeVarint32(in, &length) || !TakeVarint(in, &time)) {
      return false;
    }
    const uint64_t first = before.last + UnZigZag(difference);
    if (first > UINT32_MAX || first + length > UINT32_MAX) return false;
    before = {.first = static_cast<uint32_t>(first),
              .last = static_cast<uint32_t>(first + length),
              .time_ms = before.time_ms + UnZigZag(time)};
    serials->Add(before);
  }
  return true;
}

}  // namespace

class StoredTally::Reader {
 public:
  bool ReadDirectory(std::string_view bytes) {
    std::string_view in;
    if (!TakeBytes(&bytes, &in)) return false;
    return TakeNode(&in) && TakeNoticed(&in) && TakeLists(&in) && PlaceColumns(&in, bytes) &&
           in.empty();
  }

  const std::optional<std::string>& node() const { return node_; }

  absl::Status AddTo(HostId host, const query::ReportFilter& filter, query::TallyLists lists,
                     EventTally* tally) {
    if (has_events_) {
      EventTally::Edge first = first_;
      EventTally::Edge last = last_;
      first.place[2] = last.place[2] = host;
      tally->AddNoticed(first, last, latest_ms_);
      if ((lists & query::kSerialsToo) != 0) tally->AddSerials(serials_);
    }
    for (size_t list = 0; list < kLists; ++list) {
      if (lists_[list].values == 0 || !filter.Wants(OutcomeOf(list))) continue;
      if ((lists & query::SetOf(TallyListOf(list))) == 0) continue;
      const bool added =
          AddList(lists_[list], host, &tally->list(OutcomeOf(list), TallyListOf(list)));
      if (!added) return Damaged("column");
    }
    return absl::OkStatus();
  }

 private:
  struct Entry {
    Coding coding = Coding::kConstant;
    uint64_t bytes = 0;
    FrameReader::Place place = {};
  };
  struct List {
    uint32_t values = 0;
    std::array<Entry, kListColumns> columns = {};
  };

  bool TakeNode(std::string_view* in) {
    uint8_t has_node = 0;
    if (!TakeByte(in, 1, &has_node)) return false;
    if (has_node == 0) return true;
    std::string_view node;
    if (!TakeBytes(in, &node)) return false;
    node_ = std::string(node);
    return true;
  }

  bool TakeNoticed(std::string_view* in) {
    uint8_t has_events = 0;
    if (!TakeByte(in, 1, &has_events)) return false;
    has_events_ = has_events != 0;
    if (!has_events_) return true;
    return TakeEdge(in, &first_) && TakeEdge(in, &last_) && TakeVarint(in, &latest_ms_) &&
           TakeSerials(in, &serials_);
  }

  // Values are distinct. Numbers may take no bytes at all, so the values bound the rows.
  static bool HasAByteEach(const Entry& entry, uint32_t values) {
    switch (entry.coding) {
      case Coding::kConstant:
        return values == 1;
      case Coding::kDistinct:
      case Coding::kDecimal:
      case Coding::kHex:
        return entry.bytes >= values;
      default:
        return false;
    }
  }

  bool TakeLists(std::string_view* in) {
    for (List& list : lists_) {
      if (!TakeVarint32(in, &list.values)) return false;
      if (list.values == 0) continue;
      for (size_t i = 0; i < kListColumns; ++i) {
        Entry& entry = list.columns[i];
        uint8_t coding = 0;
        if (!TakeByte(in, static_cast<uint8_t>(Coding::kStride), &coding)) return false;
        entry.coding = static_cast<Coding>(coding);
        const bool is_numbers = entry.coding == Coding::kNumbers || entry.coding == Coding::kStride;
        if (is_numbers != (i != kValues)) return false;
        if (!TakeVarint(in, &entry.bytes)) return false;
        if (i == kValues && !HasAByteEach(entry, list.values)) return false;
      }
    }
    return true;
  }

  bool PlaceColumns(std::string_view* in, std::string_view packed_frames) {
    if (!frames_.Open(in, packed_frames)) return false;
    for (List& list : lists_) {
      if (list.values == 0) continue;
      for (Entry& entry : list.columns) {
        if (!frames_.PlaceNext(entry.bytes, &entry.place)) return false;
      }
    }
    return frames_.IsAllPlaced();
  }

  bool AddList(const List& list, HostId host, ValueTally* tally) {
    std::array<Column, kListColumns> columns;
    for (size_t i = 0; i < kListColumns; ++i) {
      const Entry& entry = list.columns[i];
      const std::optional<std::string_view> bytes = frames_.Read(entry.place);
      if (!bytes) return false;
      if (!columns[i].Decode(entry.coding, list.values, *bytes, nullptr)) return false;
    }
    query::OrderKey before = {};
    for (uint32_t row = 0; row < list.values; ++row) {
      const uint64_t rank = columns[kRanks].Number(row);
      if (rank > UINT32_MAX) return false;
      query::OrderKey first = KeyOf(
          {.arrival = columns[kArrivals].Number(row), .rank = static_cast<uint32_t>(rank)}, host);
      // Values of one event stand in its order.
      if (row > 0 && first[0] == before[0] && first[1] == before[1]) first[3] = before[3] + 1;
      before = first;
      tally->Add(columns[kValues].Value(row, &scratch_), columns[kCounts].Number(row), first);
    }
    return true;
  }

  std::optional<std::string> node_;
  bool has_events_ = false;
  EventTally::Edge first_;
  EventTally::Edge last_;
  uint64_t latest_ms_ = 0;
  query::SerialRuns serials_;
  std::array<List, kLists> lists_;
  FrameReader frames_;
  std::string scratch_;
};

StoredTally::StoredTally(std::unique_ptr<Reader> reader) : reader_(std::move(reader)) {}
StoredTally::StoredTally(StoredTally&& other) noexcept = default;
StoredTally::~StoredTally() = default;

absl::StatusOr<StoredTally> StoredTally::Open(std::string_view bytes) {
  if (bytes.size() < 1 + kChecksumBytes) return Damaged("size");
  std::string_view tail = bytes.substr(bytes.size() - kChecksumBytes);
  bytes.remove_suffix(kChecksumBytes);
  uint64_t checksum = 0;
  TakeFixed64(&tail, &checksum);
  if (XXH3_64bits(bytes.data(), bytes.size()) != checksum) return Damaged("checksum");
  if (static_cast<uint8_t>(bytes.front()) != kVersion) {
    return absl::UnimplementedError("tally: of another version");
  }
  auto reader = std::make_unique<Reader>();
  if (!reader->ReadDirectory(bytes.substr(1))) return Damaged("directory");
  return StoredTally(std::move(reader));
}

const std::optional<std::string>& StoredTally::node() const { return reader_->node(); }

absl::Status StoredTally::AddTo(HostId host, const query::ReportFilter& filter,
                                query::TallyLists lists, EventTally* tally) {
  return reader_->AddTo(host, filter, lists, tally);
}

query::OrderKey KeyOf(const EventOrder& order, HostId host) {
  return {order.arrival, order.rank, host, 0};
}

absl::Status AddBlockTo(BlockReader& block, HostId host, const query::ReportFilter& filter,
                        query::TallyLists lists, EventTally* tally) {
  const auto facts = BlockFacts::Open(block, query::RolesOf(lists));
  if (!facts.ok()) return facts.status();
  tally->ForgetCodes();
  for (uint32_t event = 0; event < block.event_count(); ++event) {
    const EventHead head = block.head(event);
    if (head.malformed || !filter.time.Contains(head.time_ms)) continue;
    const auto of_event = (*facts)->Read(event);
    if (!of_event.ok()) return of_event.status();
    const query::OrderKey place = KeyOf(head.order, host);
    tally->Notice(**of_event, place, lists);
    if (filter.Matches(**of_event)) tally->Add(**of_event, place, lists);
  }
  tally->ForgetCodes();
  return absl::OkStatus();
}

absl::StatusOr<std::string> EncodeTallyOf(BlockReader& block) {
  EventTally tally;
  const absl::Status added =
      AddBlockTo(block, kNoHost, {}, query::kAllTallyLists | query::kSerialsToo, &tally);
  if (!added.ok()) return added;
  std::optional<std::string> node;
  bool is_mixed = false;
  for (uint32_t event = 0; event < block.event_count(); ++event) {
    const EventHead head = block.head(event);
    if (head.malformed) continue;
    if (!node) node = std::string(head.node);
    is_mixed = is_mixed || *node != head.node;
  }
  if (is_mixed) node.reset();
  return TallyEncoder().Encode(tally, node);
}

}  // namespace storage
