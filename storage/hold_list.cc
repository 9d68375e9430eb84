#include "storage/hold_list.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_format.h"

#include "storage/coding.h"
#include "storage/host_pattern.h"

namespace storage {

namespace {

constexpr std::string_view kPrefix = "p";
constexpr char kNextKey[] = "q";
constexpr uint8_t kVersion = 1;

std::string KeyOf(uint64_t id) {
  std::string key(kPrefix);
  PutFixed64(&key, id);
  return key;
}

std::string Encode(const Hold& hold) {
  std::string value(1, static_cast<char>(kVersion));
  PutBytes(&value, hold.host_pattern);
  PutVarint(&value, hold.from_ms);
  PutVarint(&value, hold.to_ms);
  PutBytes(&value, hold.reason);
  PutBytes(&value, hold.placed_by);
  PutVarint(&value, hold.placed_ms);
  return value;
}

bool Decode(std::string_view key, std::string_view value, Hold* hold) {
  uint8_t version = 0;
  std::string_view pattern;
  std::string_view reason;
  std::string_view placed_by;
  key.remove_prefix(kPrefix.size());
  if (!TakeFixed64(&key, &hold->id) || !key.empty() || !TakeByte(&value, kVersion, &version) ||
      version != kVersion || !TakeBytes(&value, &pattern) || !TakeVarint(&value, &hold->from_ms) ||
      !TakeVarint(&value, &hold->to_ms) || !TakeBytes(&value, &reason) ||
      !TakeBytes(&value, &placed_by) || !TakeVarint(&value, &hold->placed_ms) || !value.empty()) {
    return false;
  }
  hold->host_pattern = pattern;
  hold->reason = reason;
  hold->placed_by = placed_by;
  return true;
}

absl::StatusOr<uint64_t> NextId(const Rocks& rocks) {
  std::string stored;
  const rocksdb::Status got = rocks.db->Get(rocksdb::ReadOptions(), rocks.meta, kNextKey, &stored);
  if (got.IsNotFound()) return uint64_t{1};
  if (!got.ok()) return FromRocks(got, "read meta");
  uint64_t id = 0;
  std::string_view in = stored;
  if (!TakeFixed64(&in, &id) || !in.empty()) {
    return absl::DataLossError("meta: the next id of a hold is damaged");
  }
  return id;
}

rocksdb::WriteOptions Durably() {
  rocksdb::WriteOptions options;
  options.sync = true;
  return options;
}

}  // namespace

absl::StatusOr<std::vector<Hold>> LoadHolds(const Rocks& rocks,
                                            const rocksdb::ReadOptions& options) {
  std::vector<Hold> holds;
  const std::unique_ptr<rocksdb::Iterator> entry(rocks.db->NewIterator(options, rocks.meta));
  for (entry->Seek(ToSlice(kPrefix)); entry->Valid(); entry->Next()) {
    if (!ToView(entry->key()).starts_with(kPrefix)) break;
    if (!Decode(ToView(entry->key()), ToView(entry->value()), &holds.emplace_back())) {
      return absl::DataLossError("meta: a hold cannot be read");
    }
  }
  const absl::Status read = FromRocks(entry->status(), "read meta");
  if (!read.ok()) return read;
  return holds;
}

absl::Status CheckHold(const Hold& hold) {
  if (hold.host_pattern.empty()) return absl::InvalidArgumentError("hold: no host");
  // It would protect nothing, and nobody would know.
  if (hold.host_pattern.find_first_of(", \t\n") != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrFormat("hold: \"%s\" is no pattern of one host's name: a list of them takes a "
                        "hold for each, or a pattern as web*",
                        hold.host_pattern));
  }
  if (hold.from_ms > hold.to_ms) {
    return absl::InvalidArgumentError("hold: its time ends before it begins");
  }
  for (const std::string* text : {&hold.host_pattern, &hold.reason, &hold.placed_by}) {
    if (text->size() <= kHoldTextMax) continue;
    return absl::InvalidArgumentError(
        absl::StrFormat("hold: a text of more than %d bytes", kHoldTextMax));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> WriteHold(const Rocks& rocks, Hold hold) {
  const absl::Status valid = CheckHold(hold);
  if (!valid.ok()) return valid;
  const absl::StatusOr<std::vector<Hold>> holds = LoadHolds(rocks, rocksdb::ReadOptions());
  if (!holds.ok()) return holds.status();
  if (holds->size() >= kHoldsMax) {
    return absl::ResourceExhaustedError(
        absl::StrFormat("hold: there are %d, which is the most", kHoldsMax));
  }
  const absl::StatusOr<uint64_t> id = NextId(rocks);
  if (!id.ok()) return id.status();
  hold.id = *id;
  std::string next;
  PutFixed64(&next, *id + 1);
  rocksdb::WriteBatch write;
  write.Put(rocks.meta, KeyOf(hold.id), Encode(hold));
  write.Put(rocks.meta, kNextKey, next);
  const absl::Status written = FromRocks(rocks.db->Write(Durably(), &write), "write a hold");
  if (!written.ok()) return written;
  return hold.id;
}

absl::Status DeleteHold(const Rocks& rocks, uint64_t id) {
  std::string stored;
  const rocksdb::Status got = rocks.db->Get(rocksdb::ReadOptions(), rocks.meta, KeyOf(id), &stored);
  if (got.IsNotFound()) return absl::NotFoundError(absl::StrFormat("hold: there is no %d", id));
  if (!got.ok()) return FromRocks(got, "read meta");
  return FromRocks(rocks.db->Delete(Durably(), rocks.meta, KeyOf(id)), "remove a hold");
}

const Hold* FindHold(std::span<const Hold> holds, const Identity& host, Day day) {
  for (const Hold& hold : holds) {
    if (day < DayOf(hold.from_ms) || day > DayOf(hold.to_ms)) continue;
    if (MatchesPattern(hold.host_pattern, host.name)) return &hold;
  }
  return nullptr;
}

}  // namespace storage
