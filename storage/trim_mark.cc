#include "storage/trim_mark.h"

#include <string_view>

#include "storage/coding.h"

namespace storage {

namespace {

constexpr char kPrefix = 't';
constexpr uint8_t kVersion = 1;

bool Decode(std::string_view value, TrimMark* mark) {
  uint8_t version = 0;
  return TakeByte(&value, kVersion, &version) && version == kVersion &&
         TakeFixed64(&value, &mark->rules) && TakeVarint32(&value, &mark->until) &&
         TakeVarint32(&value, &mark->number) && value.empty();
}

}  // namespace

bool IsUpToDate(const TrimMark& mark, const HostRules& rules, bool no_room, Day today) {
  const bool is_of_rules =
      mark.rules == rules.Digest(true) || (!no_room && mark.rules == rules.Digest(false));
  return is_of_rules && today < mark.until;
}

std::string EncodeTrimKey(const HostDay& of) {
  std::string key(1, kPrefix);
  PutFixed32(&key, of.host);
  PutFixed32(&key, of.day);
  return key;
}

std::string EncodeTrimValue(const TrimMark& mark) {
  std::string value(1, static_cast<char>(kVersion));
  PutFixed64(&value, mark.rules);
  PutVarint(&value, mark.until);
  PutVarint(&value, mark.number);
  return value;
}

absl::StatusOr<std::optional<TrimMark>> LoadTrimMark(const Rocks& rocks,
                                                     const rocksdb::ReadOptions& options,
                                                     const HostDay& of) {
  std::string value;
  const rocksdb::Status got = rocks.db->Get(options, rocks.meta, EncodeTrimKey(of), &value);
  if (got.IsNotFound()) return std::optional<TrimMark>();
  if (!got.ok()) return FromRocks(got, "read meta");
  TrimMark mark;
  if (!Decode(value, &mark)) return absl::DataLossError("meta: a mark of trimming cannot be read");
  return mark;
}

}  // namespace storage
