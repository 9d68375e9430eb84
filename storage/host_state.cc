#include "storage/host_state.h"

#include "storage/coding.h"

namespace storage {

namespace {

constexpr char kPrefix = 's';
constexpr char kVersion = 1;

bool TakeMark(std::string_view* in, RetryMark* mark) {
  std::string_view client;
  if (!TakeBytes(in, &client)) return false;
  mark->client = client;
  return TakeVarint(in, &mark->connection) && TakeVarint(in, &mark->arrival) &&
         TakeVarint32(in, &mark->sequence) && TakeFixed64(in, &mark->record.high) &&
         TakeFixed64(in, &mark->record.low) && TakeVarint32(in, &mark->record.bytes);
}

}  // namespace

std::string HostStateKey(HostId host) {
  std::string key(1, kPrefix);
  PutFixed32(&key, host);
  return key;
}

std::string EncodeHostState(const HostState& state) {
  std::string value(1, kVersion);
  PutVarint(&value, state.next_position);
  PutVarint(&value, state.next_order.arrival);
  PutVarint(&value, state.next_order.rank);
  for (const RetryMark& mark : state.marks) {
    PutBytes(&value, mark.client);
    PutVarint(&value, mark.connection);
    PutVarint(&value, mark.arrival);
    PutVarint(&value, mark.sequence);
    PutFixed64(&value, mark.record.high);
    PutFixed64(&value, mark.record.low);
    PutVarint(&value, mark.record.bytes);
  }
  return value;
}

absl::StatusOr<HostState> DecodeHostState(std::string_view value) {
  if (value.empty() || value[0] != kVersion) {
    return absl::DataLossError("meta: state of a host is of an unknown version");
  }
  value.remove_prefix(1);
  HostState state;
  bool whole = TakeVarint(&value, &state.next_position) &&
               TakeVarint(&value, &state.next_order.arrival) &&
               TakeVarint32(&value, &state.next_order.rank);
  while (whole && !value.empty()) whole = TakeMark(&value, &state.marks.emplace_back());
  if (!whole) return absl::DataLossError("meta: state of a host is cut off");
  return state;
}

absl::StatusOr<HostState> LoadHostState(const Rocks& rocks, HostId host) {
  std::string stored;
  const rocksdb::Status got =
      rocks.db->Get(rocksdb::ReadOptions(), rocks.meta, HostStateKey(host), &stored);
  if (got.IsNotFound()) return HostState();
  if (!got.ok()) return FromRocks(got, "read the state of a host");
  return DecodeHostState(stored);
}

}  // namespace storage
