#include "storage/retry_marks.h"

#include <algorithm>
#include <xxhash.h>

#include "storage/coding.h"

namespace storage {

namespace {

std::string EncodeKey(std::string_view client, uint64_t connection) {
  std::string bytes;
  PutBytes(&bytes, client);
  PutFixed64(&bytes, connection);
  return bytes;
}

std::string EncodeValue(const RetryMark& mark) {
  std::string bytes;
  PutFixed64(&bytes, mark.arrival);
  PutFixed32(&bytes, mark.sequence);
  PutFixed32(&bytes, mark.record.bytes);
  PutFixed64(&bytes, mark.record.high);
  PutFixed64(&bytes, mark.record.low);
  return bytes;
}

void InsertByAge(std::vector<RetryMark>* marks, const RetryMark& mark) {
  const auto place = std::upper_bound(
      marks->begin(), marks->end(), mark,
      [](const RetryMark& a, const RetryMark& b) { return a.arrival < b.arrival; });
  marks->insert(place, mark);
}

}  // namespace

Fingerprint FingerprintOf(std::string_view line) {
  const XXH128_hash_t hash = XXH3_128bits(line.data(), line.size());
  return {.high = hash.high64, .low = hash.low64, .bytes = static_cast<uint32_t>(line.size())};
}

std::optional<RetryMark> RetryMarks::FindRepeated(const RetryKey& key,
                                                  std::string_view line) const {
  const auto client = clients_.find(key.client);
  if (client == clients_.end()) return std::nullopt;
  const Fingerprint record = FingerprintOf(line);
  for (const RetryMark& mark : client->second) {
    if (mark.record != record) continue;
    const bool client_has_moved_on = key.first_sequence == mark.sequence + 1 && !mark.from_disk;
    if (!client_has_moved_on) return mark;
  }
  return std::nullopt;
}

std::optional<RetryMarks::Change> RetryMarks::Set(const RetryKey& key, uint64_t arrival,
                                                  std::string_view last_line,
                                                  const std::optional<RetryMark>& repeated) {
  if (clients_.size() >= kClientsMax && !clients_.contains(key.client)) return std::nullopt;
  std::vector<RetryMark>& marks = clients_[key.client];
  std::erase_if(marks, [&](const RetryMark& mark) { return mark.connection == key.connection; });

  Change change;
  const auto erase = [&](std::vector<RetryMark>::iterator mark) {
    change.erased.push_back(EncodeKey(key.client, mark->connection));
    marks.erase(mark);
  };
  if (repeated) {
    const auto old = std::find_if(marks.begin(), marks.end(), [&](const RetryMark& mark) {
      return mark.connection == repeated->connection;
    });
    if (old != marks.end()) erase(old);
  }
  while (!marks.empty() && marks.size() >= key.connections_max) erase(marks.begin());

  marks.push_back({.connection = key.connection,
                   .arrival = arrival,
                   .sequence = key.last_sequence,
                   .record = FingerprintOf(last_line)});
  change.key = EncodeKey(key.client, key.connection);
  change.value = EncodeValue(marks.back());
  return change;
}

absl::Status RetryMarks::Load(std::string_view key, std::string_view value) {
  std::string_view client;
  RetryMark mark;
  mark.from_disk = true;
  if (!TakeBytes(&key, &client) || !TakeFixed64(&key, &mark.connection) ||
      !TakeFixed64(&value, &mark.arrival) || !TakeFixed32(&value, &mark.sequence) ||
      !TakeFixed32(&value, &mark.record.bytes) || !TakeFixed64(&value, &mark.record.high) ||
      !TakeFixed64(&value, &mark.record.low)) {
    return absl::DataLossError("meta: a retry mark is cut off");
  }
  InsertByAge(&clients_[std::string(client)], mark);
  return absl::OkStatus();
}

}  // namespace storage
