#include "storage/retry_marks.h"

#include <algorithm>
#include <xxhash.h>

namespace storage {

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

uint32_t RetryMarks::Set(const RetryKey& key, uint64_t arrival, std::string_view last_line,
                         const std::optional<RetryMark>& repeated) {
  if (clients_.size() >= kClientsMax && !clients_.contains(key.client)) return 0;
  std::vector<RetryMark>& marks = clients_[key.client];
  std::erase_if(marks, [&](const RetryMark& mark) {
    return mark.connection == key.connection ||
           (repeated && mark.connection == repeated->connection);
  });
  while (!marks.empty() && marks.size() >= key.connections_max) marks.erase(marks.begin());
  marks.push_back({.connection = key.connection,
                   .arrival = arrival,
                   .sequence = key.last_sequence,
                   .record = FingerprintOf(last_line)});
  return static_cast<uint32_t>(marks.size());
}

void RetryMarks::Load(const std::string& client, RetryMark mark) {
  if (clients_.size() >= kClientsMax && !clients_.contains(client)) return;
  mark.from_disk = true;
  std::vector<RetryMark>& marks = clients_[client];
  const bool is_older = std::any_of(marks.begin(), marks.end(), [&](const RetryMark& other) {
    return other.connection == mark.connection && other.arrival >= mark.arrival;
  });
  if (is_older) return;
  std::erase_if(marks, [&](const RetryMark& other) { return other.connection == mark.connection; });
  const auto place = std::upper_bound(
      marks.begin(), marks.end(), mark,
      [](const RetryMark& a, const RetryMark& b) { return a.arrival < b.arrival; });
  marks.insert(place, mark);
}

}  // namespace storage
