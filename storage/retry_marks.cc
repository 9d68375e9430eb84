#include "storage/retry_marks.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <xxhash.h>

namespace storage {

Fingerprint FingerprintOf(std::string_view line) {
  const XXH128_hash_t hash = XXH3_128bits(line.data(), line.size());
  return {.high = hash.high64, .low = hash.low64, .bytes = static_cast<uint32_t>(line.size())};
}

std::optional<RetryMark> RetryMarks::FindRepeated(HostId host, const RetryKey& key,
                                                  std::string_view line) const {
  const auto marks = hosts_.find(host);
  if (marks == hosts_.end()) return std::nullopt;
  const Fingerprint record = FingerprintOf(line);
  for (const RetryMark& mark : marks->second) {
    if (mark.record != record) continue;
    const bool client_has_moved_on = key.first_sequence == mark.sequence + 1 && !mark.from_disk;
    if (!client_has_moved_on) return mark;
  }
  return std::nullopt;
}

uint32_t RetryMarks::Set(HostId host, const RetryKey& key, uint64_t arrival,
                         std::string_view last_line) {
  std::vector<RetryMark>& marks = hosts_[host];
  std::erase_if(marks, [&](const RetryMark& mark) { return mark.connection == key.connection; });
  const auto of_client = [&](const RetryMark& mark) { return mark.client == key.client; };
  while (std::count_if(marks.begin(), marks.end(), of_client) >=
         static_cast<std::ptrdiff_t>(key.connections_max)) {
    marks.erase(std::find_if(marks.begin(), marks.end(), of_client));
  }
  if (marks.size() >= kMarksPerHostMax) marks.erase(marks.begin());
  marks.push_back({.client = key.client,
                   .connection = key.connection,
                   .arrival = arrival,
                   .sequence = key.last_sequence,
                   .record = FingerprintOf(last_line)});
  return static_cast<uint32_t>(marks.size());
}

void RetryMarks::Erase(HostId host, uint64_t connection) {
  std::erase_if(hosts_[host], [&](const RetryMark& mark) { return mark.connection == connection; });
}

void RetryMarks::Load(HostId host, RetryMark mark) {
  mark.from_disk = true;
  std::vector<RetryMark>& marks = hosts_[host];
  const auto same = std::find_if(marks.begin(), marks.end(), [&](const RetryMark& other) {
    return other.connection == mark.connection;
  });
  if (same != marks.end() && same->arrival >= mark.arrival) return;
  if (same != marks.end()) marks.erase(same);
  const auto place = std::upper_bound(
      marks.begin(), marks.end(), mark,
      [](const RetryMark& a, const RetryMark& b) { return a.arrival < b.arrival; });
  marks.insert(place, std::move(mark));
}

}  // namespace storage
