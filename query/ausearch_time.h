// The words behind -ts and -te of ausearch(8): a date, a time of day, or a word such as "recent".
//
//   words   := date | time | keyword | date time | time date | keyword time | time keyword
//   date    := what strptime(3) reads as %x in the locale of the process: "11/22/26" in C
//   time    := what it reads as %X: "15:00:00"; "15:00" is short for "15:00:00"
//   keyword := "now" | "recent" | "boot" | "today" | "yesterday" | "this-week" | "week-ago" |
//              "this-month" | "this-year"
//
// A start without a time of day means midnight. An end without one means the time of day that it
// is now, but midnight behind a keyword, and now for "today". "recent" is ten minutes ago, and a
// week begins on Sunday. query/README.md lists where this differs from ausearch.

#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace query {

// What the words are relative to.
struct TimeContext {
  int64_t now_s = 0;   // Seconds since the epoch.
  int64_t boot_s = 0;  // When the machine has started, likewise.
  absl::TimeZone zone = absl::UTCTimeZone();
};

enum class TimeEdge {
  kStart,  // -ts: the second that is returned is the first that matches.
  kEnd,    // -te: it is the last, and matches up to its end.
};

// True for the keywords of the grammar above.
bool IsTimeKeyword(std::string_view word);

// Gives the seconds since the epoch that one or two words mean. Of a local time that happens
// twice, a start takes the first and an end the last. A failure is always kInvalidArgument, with
// the message of ausearch. Depends on the arguments and on LC_TIME, as set by setlocale(3), only.
absl::StatusOr<int64_t> ParseAusearchTime(TimeEdge edge, std::span<const std::string_view> words,
                                          const TimeContext& context);

}  // namespace query
