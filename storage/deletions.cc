#include "storage/deletions.h"

#include <utility>

namespace storage {

void Deletions::Add(const std::string& rule, const Identity& host, Day day,
                    const DayContents& contents) {
  if (deletions_.empty() || deletions_.back().rule != rule || deletions_.back().host != host) {
    deletions_.push_back({.rule = rule, .host = host, .first_day = day});
  }
  Deletion& deletion = deletions_.back();
  deletion.last_day = day;
  deletion.events += contents.events;
  deletion.records += contents.records;
  deletion.bytes += contents.bytes;
}

void Deletions::Break() {
  if (!deletions_.empty() && !deletions_.back().rule.empty()) deletions_.emplace_back();
}

std::optional<Day> Deletions::last_day() const {
  if (deletions_.empty() || deletions_.back().rule.empty()) return std::nullopt;
  return deletions_.back().last_day;
}

void Deletions::Tell(const std::function<void(const Deletion&)>& deleted) {
  for (const Deletion& deletion : std::exchange(deletions_, {})) {
    if (!deletion.rule.empty() && deleted) deleted(deletion);
  }
}

}  // namespace storage
