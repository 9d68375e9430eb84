#include "storage/block_floors.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "storage/coding.h"

namespace storage {

namespace {

constexpr std::string_view kPrefix = "f";
constexpr uint8_t kVersion = 1;

std::pair<Day, HostId> PlaceOf(const BlockFloor& floor) { return {floor.day, floor.host}; }

bool Decode(std::string_view key, std::string_view value, BlockFloor* floor) {
  uint8_t version = 0;
  key.remove_prefix(kPrefix.size());
  if (!TakeFixed32(&key, &floor->day) || !TakeFixed32(&key, &floor->host) || !key.empty() ||
      !TakeByte(&value, kVersion, &version) || version != kVersion ||
      !TakeVarint32(&value, &floor->number) || !value.empty()) {
    return false;
  }
  return true;
}

absl::Status Damaged() { return absl::DataLossError("meta: a floor of blocks cannot be read"); }

}  // namespace

std::string EncodeFloorKey(HostId host, Day day) {
  std::string key(kPrefix);
  PutFixed32(&key, day);
  PutFixed32(&key, host);
  return key;
}

std::string EncodeFloorValue(uint32_t number) {
  std::string value(1, static_cast<char>(kVersion));
  PutVarint(&value, number);
  return value;
}

absl::StatusOr<BlockFloors> BlockFloors::Load(const Rocks& rocks,
                                              const rocksdb::ReadOptions& options, Day from,
                                              Day to) {
  BlockFloors loaded;
  const std::unique_ptr<rocksdb::Iterator> entry(rocks.db->NewIterator(options, rocks.meta));
  for (entry->Seek(EncodeFloorKey(0, from)); entry->Valid(); entry->Next()) {
    if (!ToView(entry->key()).starts_with(kPrefix)) break;
    BlockFloor floor;
    if (!Decode(ToView(entry->key()), ToView(entry->value()), &floor)) return Damaged();
    if (floor.day > to) break;
    loaded.floors_.push_back(floor);
  }
  const absl::Status read = FromRocks(entry->status(), "read meta");
  if (!read.ok()) return read;
  return loaded;
}

bool BlockFloors::IsBelow(Day day, const Posting& posting) const {
  const auto found = std::ranges::lower_bound(floors_, std::pair(day, posting.host), {}, PlaceOf);
  return found != floors_.end() && PlaceOf(*found) == std::pair(day, posting.host) &&
         posting.block < found->number;
}

bool BlockFloors::HasDay(Day day) const {
  const auto found = std::ranges::lower_bound(floors_, day, {}, &BlockFloor::day);
  return found != floors_.end() && found->day == day;
}

void BlockFloors::Clean(Day day, std::vector<Posting>* postings) const {
  if (!HasDay(day)) return;
  std::erase_if(*postings, [&](const Posting& posting) { return IsBelow(day, posting); });
}

absl::StatusOr<std::optional<BlockFloor>> LoadFloor(const Rocks& rocks, HostId host, Day day) {
  const std::string key = EncodeFloorKey(host, day);
  std::string value;
  const rocksdb::Status got = rocks.db->Get(rocksdb::ReadOptions(), rocks.meta, key, &value);
  if (got.IsNotFound()) return std::optional<BlockFloor>();
  if (!got.ok()) return FromRocks(got, "read meta");
  BlockFloor floor;
  if (!Decode(key, value, &floor)) return Damaged();
  return floor;
}

}  // namespace storage
