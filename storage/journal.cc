#include "storage/journal.h"

#include "storage/coding.h"

namespace storage {

namespace {

constexpr char kGroupVersion = 1;

absl::Status Damaged(const char* what) {
  return absl::DataLossError(std::string("journal: ") + what);
}

}  // namespace

std::string EncodeJournalKey(const JournalKey& key) {
  std::string bytes;
  PutFixed32(&bytes, key.host);
  PutFixed64(&bytes, key.arrival);
  return bytes;
}

absl::StatusOr<JournalKey> DecodeJournalKey(std::string_view bytes) {
  JournalKey key;
  if (!TakeFixed32(&bytes, &key.host) || !TakeFixed64(&bytes, &key.arrival) || !bytes.empty()) {
    return Damaged("key is not 12 bytes");
  }
  return key;
}

std::string EncodeJournalHeader(uint64_t received_ms, std::string_view address) {
  std::string bytes(1, kGroupVersion);
  PutVarint(&bytes, received_ms);
  PutBytes(&bytes, address);
  return bytes;
}

absl::StatusOr<JournalGroup> JournalGroup::Decode(std::string_view value) {
  if (value.empty() || value[0] != kGroupVersion) return Damaged("group of an unknown version");
  value.remove_prefix(1);
  JournalGroup group;
  if (!TakeVarint(&value, &group.received_ms_) || !TakeBytes(&value, &group.address_)) {
    return Damaged("header of a group is cut off");
  }
  group.records_ = value;
  return group;
}

absl::StatusOr<bool> JournalGroup::Next(std::string_view* line) {
  if (records_.empty()) return false;
  if (!TakeBytes(&records_, line)) return Damaged("record of a group is cut off");
  return true;
}

}  // namespace storage
