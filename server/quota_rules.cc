#include "server/quota_rules.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"

#include "base/small_file.h"
#include "server/word_lines.h"
#include "storage/host_pattern.h"

namespace server {

namespace {

constexpr uint64_t kMegabyte = 1 << 20;

// Sets what a pair of words of a line says. Returns what is wrong with it, or nothing.
std::string SetLimit(const std::string& word, const std::string& value, QuotaLimits* limits) {
  if (word != "records" && word != "bytes_day") {
    return absl::StrFormat("\"%s\" is no limit: records or bytes_day", absl::CHexEscape(word));
  }
  uint32_t number = 0;
  const char* const end = value.data() + value.size();
  const auto [parsed_end, errc] = std::from_chars(value.data(), end, number);
  if (errc != std::errc{} || parsed_end != end || number > kQuotaMax) {
    return absl::StrFormat("%s \"%s\" is not a number from 0 to %d", word, absl::CHexEscape(value),
                           kQuotaMax);
  }
  if (word == "records") {
    limits->records_per_second = number;
  } else {
    limits->bytes_per_day = number * kMegabyte;
  }
  return {};
}

bool LimitSomething(const QuotaLimits& limits) { return limits != QuotaLimits(); }

}  // namespace

absl::StatusOr<QuotaRules> QuotaRules::Parse(QuotaLimits defaults, std::string_view text,
                                             const std::string& file_name) {
  const absl::StatusOr<std::vector<WordLine>> lines = SplitWordLines(text, file_name);
  if (!lines.ok()) return lines.status();
  QuotaRules rules;
  rules.defaults_ = defaults;
  for (const WordLine& line : *lines) {
    const std::vector<std::string>& words = line.words;
    const auto wrong = [&](const std::string& what) { return WrongLine(file_name, line, what); };
    if (rules.lines_.size() == kQuotaLinesMax) {
      return wrong(absl::StrFormat("more than %d lines", kQuotaLinesMax));
    }
    Line& made = rules.lines_.emplace_back();
    made = {.name_glob = words.front(), .limits = defaults};
    if (words.size() < 2) return wrong("a limit is missing: records or bytes_day");
    if (words.size() % 2 == 0) {
      return wrong(
          absl::StrFormat("the number behind \"%s\" is missing", absl::CHexEscape(words.back())));
    }
    for (size_t i = 1; i < words.size(); i += 2) {
      const std::string what = SetLimit(words[i], words[i + 1], &made.limits);
      if (!what.empty()) return wrong(what);
    }
  }
  return rules;
}

absl::StatusOr<QuotaRules> QuotaRules::Read(const QuotaOptions& options) {
  const QuotaLimits defaults = {.records_per_second = options.records,
                                .bytes_per_day = options.bytes_day * kMegabyte};
  if (options.file.empty()) return Parse(defaults, "", "");
  const absl::StatusOr<std::string> text = base::ReadSmallFile(options.file, kWordFileBytesMax + 1);
  if (!text.ok()) return text.status();
  return Parse(defaults, *text, options.file);
}

QuotaLimits QuotaRules::LimitsOf(const std::string& name) const {
  for (const Line& line : lines_) {
    if (storage::MatchesPattern(line.name_glob, name)) return line.limits;
  }
  return defaults_;
}

bool QuotaRules::limit_anybody() const {
  return LimitSomething(defaults_) ||
         std::ranges::any_of(lines_, [](const Line& line) { return LimitSomething(line.limits); });
}

}  // namespace server
