// How long events are kept: the policy, and what deletions tell.
//
// A policy is a file of rules, one a line; the first rule that matches an event decides.
//
//   file     := line*
//   line     := [rule | default] ["#" comment]
//   rule     := "rule" name where* keep
//   where    := "host=" words | "key=" words | "type=" words      each at most once
//   words    := word ("," word)*
//   default  := "default" keep                                    the last line, if it is there
//   keep     := "keep" (days "d" | "forever") ["at-most" size]
//   size     := number ("K" | "M" | "G" | "T")                    powers of 1024 bytes
//
//   rule pci    host=pay*,db* key=pci                 keep 2555d
//   rule noise  type=CRYPTO_KEY_USER,CRYPTO_SESSION   keep 7d
//   rule web    host=web*                             keep 90d at-most 200G
//   default                                           keep 365d at-most 2T
//
// `host` gives shell patterns of hosts' names. An event matches `key` if one of its keys is listed,
// and `type` if one of its records has a listed type. Events are kept or deleted whole; where all
// rules of a host that could decide have expired, the day goes by the last of them. A malformed
// record has neither: only rules without key and type match it. What no rule matches is kept. Of a
// record that came too late for its event, which is an event by itself in the store, the rules
// decide by what it has itself.
//
// The age of an event is that of its (host, UTC day), and the collector's clock decides it: the age
// counts from the end of the later one of two days, that of the events and that on which the last
// of their records was received. So a host whose clock is behind, or an imported log, loses nothing
// before its time; and where the day of the events is not over yet by the collector's clock, as
// with a clock that is ahead, that of receipt alone counts. Nothing goes of a day of which a block
// has something received today; what is in no block yet neither goes nor counts.
//
// "at-most" counts the columns of the blocks, as a list of hosts does; tallies, terms and summaries
// take about a third more. Its hosts are those of which the rule decides what no rule with key or
// type above it has; they count together, and their oldest days go first. What such rules keep of
// those days counts, too: only the next time tells how much it was, and whether more has to go.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "storage/batch.h"
#include "storage/term_index.h"

namespace storage {

struct RetentionRule {
  std::string name;  // For the records of what was deleted.

  // Empty: any. Keys and types are exact words.
  std::vector<std::string> host_patterns = {};
  std::vector<std::string> keys = {};
  std::vector<std::string> types = {};

  std::optional<uint32_t> days_max = {};   // None: whatever its age.
  std::optional<uint64_t> bytes_max = {};  // Only without keys and types.

  // Whether it decides of every event of a host that it matches.
  bool takes_whole_hosts() const { return keys.empty() && types.empty(); }

  friend bool operator==(const RetentionRule&, const RetentionRule&) = default;
};

struct RetentionPolicy {
  std::vector<RetentionRule> rules = {};

  friend bool operator==(const RetentionPolicy&, const RetentionPolicy&) = default;
};

// Limits of a policy file. Far above what a person can oversee.
inline constexpr size_t kPolicyBytesMax = size_t{1} << 20;
inline constexpr size_t kPolicyRulesMax = 256;
inline constexpr size_t kPolicyWordsMax = 256;  // Of one list.
inline constexpr size_t kPolicyWordBytesMax = 255;
inline constexpr uint32_t kPolicyDaysMax = 36'500;

// What is deleted to make room belongs to no rule of a policy: it is told under the name of the
// action (auditd.conf(5)).
inline constexpr std::string_view kRotateRule = "rotate";

// Reads a policy file. kInvalidArgument tells everything that is wrong, a line each, with
// `file_name` and the number of the line.
absl::StatusOr<RetentionPolicy> ParseRetentionPolicy(std::string_view text,
                                                     std::string_view file_name);

// A rule as a line of a policy file.
std::string ToText(const RetentionRule& rule);

// What went of one host by one rule, on days that follow each other in the store.
struct Deletion {
  std::string rule;
  Identity host;
  Day first_day = 0;
  Day last_day = 0;
  uint64_t events = 0;  // Malformed records included.
  uint64_t records = 0;
  uint64_t bytes = 0;  // Of columns.

  friend bool operator==(const Deletion&, const Deletion&) = default;
};

// What a rule would delete, and what holds keep of it.
struct RuleEffect {
  std::string rule;
  uint64_t hosts = 0;
  uint64_t host_days = 0;
  uint64_t events = 0;
  uint64_t records = 0;
  uint64_t bytes = 0;
  uint64_t held_host_days = 0;
  uint64_t held_events = 0;
  uint64_t held_bytes = 0;

  friend bool operator==(const RuleEffect&, const RuleEffect&) = default;
};

}  // namespace storage
