#include "storage/journal.h"

#include "storage/coding.h"

namespace storage {

namespace {

constexpr char kGroupVersion = 1;
constexpr char kRestVersionWithoutEnds = 2;
constexpr char kRestVersion = 3;

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

std::string EncodeJournalHeader(const JournalHeader& header) {
  std::string bytes(1, kGroupVersion);
  PutVarint(&bytes, header.received_ms);
  PutBytes(&bytes, header.address);
  PutVarint(&bytes, header.sender.connection);
  if (header.sender.connection != 0) {
    PutVarint(&bytes, header.sender.sequence);
    PutVarint(&bytes, header.sender.siblings);
  }
  return bytes;
}

absl::StatusOr<JournalGroup> JournalGroup::Decode(std::string_view value) {
  if (value.empty() || value[0] != kGroupVersion) return Damaged("group of an unknown version");
  value.remove_prefix(1);
  JournalGroup group;
  JournalHeader& header = group.header_;
  bool whole = TakeVarint(&value, &header.received_ms) && TakeBytes(&value, &header.address) &&
               TakeVarint(&value, &header.sender.connection);
  if (whole && header.sender.connection != 0) {
    whole = TakeVarint32(&value, &header.sender.sequence) &&
            TakeVarint32(&value, &header.sender.siblings);
  }
  if (!whole) return Damaged("header of a group is cut off");
  group.records_ = value;
  return group;
}

absl::StatusOr<bool> JournalGroup::Next(std::string_view* line) {
  if (records_.empty()) return false;
  if (!TakeBytes(&records_, line)) return Damaged("record of a group is cut off");
  return true;
}

absl::StatusOr<std::string_view> JournalGroup::Last() {
  std::string_view line;
  for (;;) {
    const absl::StatusOr<bool> more = Next(&line);
    if (!more.ok()) return more.status();
    if (!*more) return line;
  }
}

bool IsRest(std::string_view value) {
  return !value.empty() && (value[0] == kRestVersion || value[0] == kRestVersionWithoutEnds);
}

std::string EncodeRest(const std::vector<KeptRecord>& records) {
  std::string value(1, kRestVersion);
  for (const KeptRecord& record : records) {
    PutVarint(&value, record.position);
    PutVarint(&value, record.received_ms);
    PutBytes(&value, record.address);
    PutVarint(&value, record.end_arrival);
    PutBytes(&value, record.line);
  }
  return value;
}

absl::StatusOr<std::vector<KeptRecord>> DecodeRest(std::string_view value) {
  if (!IsRest(value)) return Damaged("rest of an unknown version");
  const bool has_ends = value[0] == kRestVersion;
  value.remove_prefix(1);
  std::vector<KeptRecord> records;
  while (!value.empty()) {
    KeptRecord& record = records.emplace_back();
    if (!TakeVarint(&value, &record.position) || !TakeVarint(&value, &record.received_ms) ||
        !TakeBytes(&value, &record.address) ||
        (has_ends && !TakeVarint(&value, &record.end_arrival)) ||
        !TakeBytes(&value, &record.line)) {
      return Damaged("rest is cut off");
    }
  }
  return records;
}

}  // namespace storage
