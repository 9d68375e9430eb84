#include "query/ausearch_time.h"

#include <optional>
#include <string>
#include <time.h>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"

namespace query {

namespace {

// Audit logs are younger: an older year is a date in a wrong form.
constexpr int kYearMin = 2004;

constexpr int64_t kRecentSeconds = 10 * 60;

// "15:00" and shorter lacks its seconds.
constexpr size_t kTimeWithoutSecondsBytesMax = 5;

constexpr std::string_view kMidnight = "00:00:00";

struct Keyword {
  std::string_view word;
  // The instant that the keyword names; absent if it names a day.
  std::optional<int64_t> (*instant)(const TimeContext&);
  absl::CivilDay (*day)(absl::CivilDay today);
};

std::optional<int64_t> NoInstant(const TimeContext&) { return std::nullopt; }
absl::CivilDay SameDay(absl::CivilDay today) { return today; }

// 0 on Sunday, 6 on Saturday.
int DaysSinceSunday(absl::CivilDay day) {
  return (static_cast<int>(absl::GetWeekday(day)) + 1) % 7;
}

// Instants have no day of their own: behind them, only the date of the instant counts.
constexpr Keyword kKeywords[] = {
    {"now", [](const TimeContext& context) { return std::optional(context.now_s); }, SameDay},
    {"recent",
     [](const TimeContext& context) { return std::optional(context.now_s - kRecentSeconds); },
     SameDay},
    {"boot", [](const TimeContext& context) { return std::optional(context.boot_s); }, SameDay},
    {"today", NoInstant, SameDay},
    {"yesterday", NoInstant, [](absl::CivilDay today) { return today - 1; }},
    {"this-week", NoInstant, [](absl::CivilDay today) { return today - DaysSinceSunday(today); }},
    {"week-ago", NoInstant, [](absl::CivilDay today) { return today - 7; }},
    {"this-month", NoInstant,
     [](absl::CivilDay today) { return absl::CivilDay(absl::CivilMonth(today)); }},
    {"this-year", NoInstant,
     [](absl::CivilDay today) { return absl::CivilDay(absl::CivilYear(today)); }},
};

const Keyword* FindKeyword(std::string_view word) {
  for (const Keyword& keyword : kKeywords) {
    if (keyword.word == word) return &keyword;
  }
  return nullptr;
}

// The words by their roles.
struct Words {
  std::optional<std::string_view> date;
  std::optional<std::string_view> time;
};

bool LooksLikeTime(std::string_view word) { return word.find(':') != std::string_view::npos; }

Words Sort(TimeEdge edge, std::span<const std::string_view> words) {
  const std::string_view first = words[0];
  if (words.size() > 1) {
    if (LooksLikeTime(first)) return {.date = words[1], .time = first};
    return {.date = first, .time = words[1]};
  }
  if (IsTimeKeyword(first)) return {.date = first, .time = kMidnight};
  if (LooksLikeTime(first)) return {.date = std::nullopt, .time = first};
  if (edge == TimeEdge::kStart) return {.date = first, .time = kMidnight};
  return {.date = first, .time = std::nullopt};
}

std::string_view Name(TimeEdge edge) { return edge == TimeEdge::kStart ? "start" : "end"; }

absl::Status Invalid(std::string message) { return absl::InvalidArgumentError(std::move(message)); }

absl::StatusOr<absl::CivilDay> ParseDate(TimeEdge edge, std::string_view word) {
  const std::string text(word);
  struct tm fields = {};
  const char* const rest = strptime(text.c_str(), "%x", &fields);
  if (rest == nullptr) {
    return Invalid(absl::StrFormat("Invalid %s date (%s). Month, Day, and Year are required.",
                                   Name(edge), text));
  }
  if (*rest != '\0') {
    return Invalid(absl::StrFormat("Error parsing %s date (%s)", Name(edge), text));
  }
  return absl::CivilDay(fields.tm_year + 1900, fields.tm_mon + 1, fields.tm_mday);
}

// The second of `day` that the word means.
absl::StatusOr<absl::CivilSecond> ParseTimeOfDay(TimeEdge edge, std::string_view word,
                                                 absl::CivilDay day) {
  std::string text(word);
  if (text.size() <= kTimeWithoutSecondsBytesMax) text += ":00";
  struct tm fields = {};
  const char* const rest = strptime(text.c_str(), "%X", &fields);
  if (rest == nullptr) {
    return Invalid(absl::StrFormat("Invalid %s time (%s). Hour, Minute, and Second are required.",
                                   Name(edge), word));
  }
  if (*rest != '\0') {
    return Invalid(absl::StrFormat("Error parsing %s time (%s)", Name(edge), word));
  }
  return absl::CivilSecond(day.year(), day.month(), day.day(), fields.tm_hour, fields.tm_min,
                           fields.tm_sec);
}

int64_t ToSeconds(TimeEdge edge, absl::CivilSecond civil, const absl::TimeZone& zone) {
  const absl::TimeZone::TimeInfo info = zone.At(civil);
  switch (info.kind) {
    case absl::TimeZone::TimeInfo::UNIQUE:
      break;
    case absl::TimeZone::TimeInfo::SKIPPED:
      return absl::ToUnixSeconds(info.trans);
    case absl::TimeZone::TimeInfo::REPEATED:
      return absl::ToUnixSeconds(edge == TimeEdge::kStart ? info.pre : info.post);
  }
  return absl::ToUnixSeconds(info.pre);
}

absl::CivilSecond ToCivil(int64_t seconds, const absl::TimeZone& zone) {
  return absl::ToCivilSecond(absl::FromUnixSeconds(seconds), zone);
}

}  // namespace

bool IsTimeKeyword(std::string_view word) { return FindKeyword(word) != nullptr; }

absl::StatusOr<int64_t> ParseAusearchTime(TimeEdge edge, std::span<const std::string_view> words,
                                          const TimeContext& context) {
  const Words sorted = Sort(edge, words);
  const absl::CivilSecond now = ToCivil(context.now_s, context.zone);
  absl::CivilDay day(now);

  if (const Keyword* const keyword = sorted.date ? FindKeyword(*sorted.date) : nullptr) {
    std::optional<int64_t> instant = keyword->instant(context);
    // Nothing can have happened later today, so that today ends now.
    if (edge == TimeEdge::kEnd && keyword->word == "today") instant = context.now_s;
    if (instant && sorted.time == kMidnight) return *instant;
    day = instant ? absl::CivilDay(ToCivil(*instant, context.zone)) : keyword->day(day);
  } else if (sorted.date) {
    const absl::StatusOr<absl::CivilDay> date = ParseDate(edge, *sorted.date);
    if (!date.ok()) return date.status();
    day = *date;
  }

  absl::CivilSecond civil(day.year(), day.month(), day.day(), now.hour(), now.minute(),
                          now.second());
  if (sorted.time) {
    const absl::StatusOr<absl::CivilSecond> time = ParseTimeOfDay(edge, *sorted.time, day);
    if (!time.ok()) return time.status();
    civil = *time;
  }
  if (day.year() < kYearMin) return Invalid(absl::StrFormat("Error - year is %d", day.year()));
  return ToSeconds(edge, civil, context.zone);
}

}  // namespace query
