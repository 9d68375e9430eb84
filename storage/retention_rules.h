// What a policy says of one host: which rules decide, what has expired of a day, and which rule
// decides of an event.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"

#include "storage/block_reader.h"
#include "storage/host_day.h"
#include "storage/retention.h"

namespace storage {

// The day from whose end the age of a day counts: see retention.h.
Day AgeDay(Day day, Day received, Day today);

struct DayVerdict {
  enum class Kind : uint8_t {
    kKept,
    kWhole,  // All of its events may go.
    kPart,   // Those may of which a rule decides that has expired.
  };
  Kind kind = Kind::kKept;
  size_t rule = 0;                 // Of kWhole: the rule that it is told under.
  std::vector<bool> expired = {};  // By rule of HostRules.
  Day until = 0;                   // The first day on which another rule will have expired.
};

// The rules of a policy that decide of a host's events.
class HostRules {
 public:
  // `policy` must outlive it.
  HostRules(const RetentionPolicy& policy, const Identity& host);

  // Those that match the host, up to the first that takes all that is left.
  const std::vector<const RetentionRule*>& rules() const { return rules_; }

  // The rule that decides of what no rule with keys or types has. Null: that is kept.
  const RetentionRule* rest() const;

  // Whether there are rules with keys or types.
  bool has_parts() const { return !rules_.empty() && !rules_.front()->takes_whole_hosts(); }

  // The last day of which something can have expired by its age; nullopt if no day can.
  std::optional<Day> DueUntil(Day today) const;

  // `no_room`: the day must go because of the size of the rest.
  DayVerdict Judge(Day day, Day received, Day today, bool no_room) const;

  // Which of the rules decides of each event of a block, by number; rules().size() if none does.
  absl::StatusOr<std::vector<uint16_t>> Decide(BlockReader& block) const;

  // Changes with the rules, and with `no_room`.
  uint64_t Digest(bool no_room) const { return no_room ? digest_no_room_ : digest_; }

 private:
  std::vector<const RetentionRule*> rules_;
  uint64_t digest_ = 0;  // Only if there are parts: else nobody asks for it.
  uint64_t digest_no_room_ = 0;
};

}  // namespace storage
