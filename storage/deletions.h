// Collects what was deleted, to tell it once it is gone for good.

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "storage/host_day.h"
#include "storage/retention.h"

namespace storage {

// In runs of days: what one rule deletes of one host is one deletion, as long as nothing else comes
// between.
class Deletions {
 public:
  void Add(const std::string& rule, const Identity& host, Day day, const DayContents& contents);

  // What comes next is not of the same run.
  void Break();

  // The last day of the run; nullopt if none has begun.
  std::optional<Day> last_day() const;

  // Calls `deleted` with each, in their order, if it can be called, and forgets them.
  void Tell(const std::function<void(const Deletion&)>& deleted);

 private:
  std::vector<Deletion> deletions_;
};

}  // namespace storage
