// Everything that the summaries of aureport(8) need of a set of events, added up.
//
// A tally does not know which report is asked for: each of them is a matter of arithmetic over its
// lists (summary.h). So a store keeps one tally with each block, and adds up whole blocks without
// opening them. Tallies are exact: those of parts, merged, are that of the whole.

#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/node_hash_map.h"

#include "query/report/event_facts.h"
#include "query/report/serial_runs.h"

namespace query {

// The numbers are stored with blocks: never change one, only add.
enum class TallyList : uint8_t {
  // The type of an event's first record, and the classes of all: see TypeValue. Each event once.
  kTypes = 0,
  // The user who had logged in: see UserValue. Events that do not tell are in no list of users.
  kUsers = 1,
  kTerminals = 2,
  kHosts = 3,
  kExes = 4,
  kComms = 5,
  kFiles = 6,  // Each name as often as it comes.
  kKeys = 7,   // Likewise.
  kPids = 8,
  kSyscalls = 9,     // See SyscallValue.
  kAvcObjects = 10,  // Of each access vector with a verdict.
  kAuthUsers = 11,   // Of authentications, and
  kLoginUsers = 12,  // of logins: see UserValue.
};
inline constexpr size_t kTallyLists = 13;

using TallyLists = uint32_t;  // A set of them.
constexpr TallyLists SetOf(TallyList list) { return TallyLists{1} << static_cast<unsigned>(list); }
inline constexpr TallyLists kAllTallyLists = (TallyLists{1} << kTallyLists) - 1;

// Beside lists, a tally of the events of one host may have the serials that came.
inline constexpr TallyLists kSerialsToo = TallyLists{1} << 31;

// The roles that facts must have for a list.
RoleSet RolesOf(TallyLists lists);

// Where an event stands among all: lower is earlier. Its last part is 0, and counts the values of
// the event where they are in a list.
using OrderKey = std::array<uint64_t, 4>;

// ---- Values of the lists that hold more than a text ----

// classes in hex " " type
std::string TypeValue(uint32_t classes, std::string_view type);

// "=" account | number [ " " name ]
//
// The number is that of the user, -2 if the event does not tell; the name is what the host's auditd
// has looked up for it.
std::string UserValue(std::optional<uint32_t> auid, FactText name);
std::string AccountValue(std::string_view account);

// arch " " number [ " " name ], arch "-" if it is not known. The name is what the host has looked
// up.
std::string SyscallValue(const EventFacts& facts);

// ---- Tallies ----

// How often each value has come. Values are numbered in the order of Add().
class ValueTally {
 public:
  ValueTally() = default;
  ValueTally(const ValueTally&) = delete;  // Views would be of the other's texts.
  ValueTally& operator=(const ValueTally&) = delete;
  ValueTally(ValueTally&&) = default;

  struct Entry {
    std::string_view value;
    uint64_t count = 0;
    OrderKey first = {};  // Of the first event that has the value.
  };

  void Add(std::string_view value, uint64_t count, const OrderKey& first);

  // The same for one more of a text that may have a code.
  void Add(const FactText& text, const OrderKey& place);

  // To be called before texts come whose codes mean other texts.
  void ForgetCodes() { by_code_.clear(); }

  const std::vector<Entry>& entries() const { return entries_; }

  // What it takes, about: a text of 20 bytes some 150.
  size_t memory_bytes() const { return entries_.size() * kEntryBytes + text_bytes_; }

 private:
  // An entry in its vector, which has room for as many again, and a node of the map.
  static constexpr size_t kEntryBytes = 130;

  uint32_t NumberOf(std::string_view value);

  absl::node_hash_map<std::string, uint32_t> numbers_;  // Its keys stay where they are.
  std::vector<Entry> entries_;
  std::vector<uint32_t> by_code_;
  size_t text_bytes_ = 0;  // Of all values.
};

class EventTally {
 public:
  // An event at the edge of the set.
  struct Edge {
    OrderKey place = {};
    uint64_t time_ms = 0;
  };

  // Adds an event to the lists of its outcome. The facts have RolesOf(lists).
  void Add(const EventFacts& facts, const OrderKey& place, TallyLists lists);

  // Adds what is told of every event, whatever else is asked of it: its time; with kSerialsToo, its
  // serial.
  void Notice(const EventFacts& facts, const OrderKey& place, TallyLists lists);

  void ForgetCodes();

  const ValueTally& list(Outcome outcome, TallyList list) const {
    return lists_[static_cast<size_t>(outcome)][static_cast<size_t>(list)];
  }
  ValueTally& list(Outcome outcome, TallyList list) {
    return lists_[static_cast<size_t>(outcome)][static_cast<size_t>(list)];
  }

  size_t memory_bytes() const;  // What it takes, about.

  // None if no event was noticed.
  const std::optional<Edge>& first() const { return first_; }
  const std::optional<Edge>& last() const { return last_; }
  uint64_t latest_ms() const { return latest_ms_; }  // The highest time.
  const SerialRuns& serials() const { return serials_; }

  // Adds what a stored tally knows beside its lists.
  void AddNoticed(const Edge& first, const Edge& last, uint64_t latest_ms);
  void AddSerials(const SerialRuns& serials);

 private:
  std::array<std::array<ValueTally, kTallyLists>, kOutcomes> lists_;
  std::optional<Edge> first_;
  std::optional<Edge> last_;
  uint64_t latest_ms_ = 0;
  SerialRuns serials_;
};

}  // namespace query
