#include "storage/block.h"

#include <xxhash.h>

#include "absl/status/status.h"

#include "storage/coding.h"

namespace storage {

namespace {

constexpr char kVersionWithoutEnds = 1;
constexpr char kVersion = 2;

// A root over hashes of the records may follow later: its size comes first.
constexpr uint64_t kNoRoot = 0;

// As a difference: the second number is rarely far from the first.
void PutRange(std::string* out, uint64_t min, uint64_t max) {
  PutVarint(out, min);
  PutVarint(out, max - min);
}

bool TakeRange(std::string_view* in, uint64_t* min, uint64_t* max) {
  uint64_t difference = 0;
  if (!TakeVarint(in, min) || !TakeVarint(in, &difference)) return false;
  *max = *min + difference;
  return *max >= *min;
}

bool TakeSerials(std::string_view* in, BlockSummary* summary) {
  uint64_t max = 0;
  uint64_t min = 0;
  if (!TakeRange(in, &min, &max) || max > UINT32_MAX) return false;
  summary->serial_min = static_cast<uint32_t>(min);
  summary->serial_max = static_cast<uint32_t>(max);
  return true;
}

bool TakeTypes(std::string_view* in, std::vector<TypeCount>* types) {
  uint32_t count = 0;
  // Each takes two bytes at least.
  if (!TakeVarint32(in, &count) || count > in->size() / 2) return false;
  types->resize(count);
  for (TypeCount& type : *types) {
    std::string_view name;
    if (!TakeBytes(in, &name) || !TakeVarint32(in, &type.records)) return false;
    type.type = name;
  }
  return true;
}

bool TakeOrder(std::string_view* in, EventOrder* order) {
  return TakeVarint(in, &order->arrival) && TakeVarint32(in, &order->rank);
}

bool TakeEnds(std::string_view* in, BlockSummary* summary) {
  summary->end_min = summary->order_min.arrival;
  return !summary->has_ends || TakeVarint(in, &summary->end_min);
}

bool TakeSummary(std::string_view* in, BlockSummary* summary) {
  std::string_view root;
  return TakeVarint32(in, &summary->event_count) && TakeVarint32(in, &summary->record_count) &&
         TakeVarint32(in, &summary->malformed_count) && TakeVarint(in, &summary->record_bytes) &&
         TakeRange(in, &summary->time.from_ms, &summary->time.to_ms) && TakeSerials(in, summary) &&
         TakeOrder(in, &summary->order_min) && TakeOrder(in, &summary->order_max) &&
         TakeEnds(in, summary) && TakeRange(in, &summary->position_min, &summary->position_max) &&
         TakeRange(in, &summary->received.from_ms, &summary->received.to_ms) &&
         TakeTypes(in, &summary->types) && TakeVarint(in, &summary->columns_bytes) &&
         TakeFixed64(in, &summary->columns_checksum) && TakeBytes(in, &root) && in->empty();
}

}  // namespace

std::string EncodeSummary(const BlockSummary& summary) {
  std::string out(1, summary.has_ends ? kVersion : kVersionWithoutEnds);
  PutVarint(&out, summary.event_count);
  PutVarint(&out, summary.record_count);
  PutVarint(&out, summary.malformed_count);
  PutVarint(&out, summary.record_bytes);
  PutRange(&out, summary.time.from_ms, summary.time.to_ms);
  PutRange(&out, summary.serial_min, summary.serial_max);
  for (const EventOrder& order : {summary.order_min, summary.order_max}) {
    PutVarint(&out, order.arrival);
    PutVarint(&out, order.rank);
  }
  if (summary.has_ends) PutVarint(&out, summary.end_min);
  PutRange(&out, summary.position_min, summary.position_max);
  PutRange(&out, summary.received.from_ms, summary.received.to_ms);
  PutVarint(&out, summary.types.size());
  for (const TypeCount& type : summary.types) {
    PutBytes(&out, type.type);
    PutVarint(&out, type.records);
  }
  PutVarint(&out, summary.columns_bytes);
  PutFixed64(&out, summary.columns_checksum);
  PutVarint(&out, kNoRoot);
  PutFixed64(&out, XXH3_64bits(out.data(), out.size()));
  return out;
}

absl::StatusOr<BlockSummary> DecodeSummary(std::string_view bytes) {
  constexpr size_t kChecksumBytes = sizeof(uint64_t);
  if (bytes.empty()) return absl::DataLossError("block: the summary is empty");
  const char version = bytes[0];
  if (version != kVersion && version != kVersionWithoutEnds)
    return absl::DataLossError("block: the summary's version is unknown");
  if (bytes.size() < 1 + kChecksumBytes)
    return absl::DataLossError("block: the summary is cut off");
  std::string_view checksum_bytes = bytes.substr(bytes.size() - kChecksumBytes);
  bytes.remove_suffix(kChecksumBytes);
  uint64_t checksum = 0;
  TakeFixed64(&checksum_bytes, &checksum);
  if (checksum != XXH3_64bits(bytes.data(), bytes.size())) {
    return absl::DataLossError("block: the summary's checksum is wrong");
  }
  std::string_view in = bytes.substr(1);
  BlockSummary summary;
  summary.has_ends = version == kVersion;
  if (!TakeSummary(&in, &summary)) return absl::DataLossError("block: the summary is malformed");
  return summary;
}

}  // namespace storage
