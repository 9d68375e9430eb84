#include "client-plugin/rules/rule_parser.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

#include "client-plugin/rules/refusal.h"
#include "client-plugin/rules/rule_builder.h"
#include "client-plugin/rules/rule_field.h"
#include "client-plugin/rules/rule_words.h"

namespace client_plugin {

namespace {

using Kind = RuleSetting::Kind;

// Settings that may stand on a line with others and with a rule.
struct NumberOption {
  std::string_view name;
  Kind kind;
  bool is_mode;  // 0, 1 or 2, and nothing else.
};
constexpr auto kNumberOptions = std::to_array<NumberOption>({
    {"e", Kind::kEnabled, true},
    {"f", Kind::kFailure, true},
    {"r", Kind::kRateLimit, false},
    {"b", Kind::kBacklogLimit, false},
    {"backlog_wait_time", Kind::kBacklogWaitTime, false},
});

// Behind these auditctl looks at nothing more.
struct LastOption {
  std::string_view name;
  Kind kind;
};
constexpr auto kLastSettings = std::to_array<LastOption>({
    {"loginuid-immutable", Kind::kLoginuidImmutable},
    {"reset-lost", Kind::kResetLost},
    {"reset_backlog_wait_time_actual", Kind::kResetBacklogWaitTimeActual},
    {"t", Kind::kTrim},
    {"q", Kind::kEquivalent},
    {"m", Kind::kMessage},
});

absl::StatusOr<RuleSetting> ReadNumber(const NumberOption& option, const std::string& text) {
  if (option.is_mode) {
    if (text == "0" || text == "1" || text == "2") {
      return RuleSetting{
          .kind = option.kind, .value = static_cast<uint32_t>(text[0] - '0'), .texts = {}};
    }
    return Refusal(absl::StrFormat("-%s is 0, 1 or 2", option.name));
  }
  if (text.empty() || !absl::ascii_isdigit(static_cast<unsigned char>(text[0]))) {
    return RefusalOf(text, "is no number");
  }
  const absl::StatusOr<uint32_t> number = ParseRuleNumber(text);
  if (!number.ok()) return number.status();
  return RuleSetting{.kind = option.kind, .value = *number, .texts = {}};
}

absl::StatusOr<RuleSetting> ReadLastSetting(Kind kind, const std::string& text) {
  RuleSetting setting = {.kind = kind, .value = 0, .texts = {}};
  if (kind == Kind::kEquivalent) {
    setting.texts = absl::StrSplit(text, ',');
    if (setting.texts.size() != 2 || setting.texts[1].empty()) {
      return Refusal("-q is a mount point and a subtree, with a comma between them");
    }
  } else if (kind == Kind::kMessage) {
    if (std::ranges::any_of(text, [](char c) { return c < ' '; })) {
      return Refusal("-m takes printable ASCII only");
    }
    setting.texts = {text};
  }
  return setting;
}

// -D, -l, -s, -v and what belongs to them. True if the line is one of these.
absl::StatusOr<bool> ReadWholeLine(const std::vector<std::string>& words, RuleLine* line) {
  const bool has_key = words.size() == 3 && words[1] == "-k";
  const bool interprets = words.size() == 2 && words[1] == "-i";
  if (words[0] == "-D") {
    if (words.size() != 1 && !has_key) return Refusal("-D takes \"-k KEY\" and nothing else");
    line->change = RuleLine::Change::kDeleteAll;
    if (has_key) line->key = words[2].substr(0, AUDIT_MAX_KEY_LEN);
    return true;
  }
  if (words[0] == "-l" || words[0] == "-s" || words[0] == "-v") {
    if (words.size() == 1 || (interprets && words[0] != "-v") || (has_key && words[0] == "-l")) {
      return true;
    }
    return Refusal(absl::StrFormat("%s stands alone in a line", words[0]));
  }
  return false;
}

class LineReader {
 public:
  absl::StatusOr<RuleLine> Read(const std::vector<RuleOption>& options) {
    for (const RuleOption& option : options) {
      if (is_ended_) return Refusal("nothing may follow an option that is done at once");
      const absl::Status taken = Take(option);
      if (!taken.ok()) return taken;
    }
    const absl::Status finished = builder_.Finish(&line_);
    if (!finished.ok()) return finished;
    return std::move(line_);
  }

 private:
  absl::Status Take(const RuleOption& option) {
    if (RuleBuilder::Takes(option)) {
      has_rule_ = true;
      return builder_.Take(option);
    }
    const auto number = std::ranges::find(kNumberOptions, option.name, &NumberOption::name);
    if (number != kNumberOptions.end()) return Keep(ReadNumber(*number, option.argument));
    if (has_rule_) {
      return Refusal(absl::StrFormat("-%s stands in a line of its own", option.name));
    }
    is_ended_ = true;
    const auto last = std::ranges::find(kLastSettings, option.name, &LastOption::name);
    if (last != kLastSettings.end()) return Keep(ReadLastSetting(last->kind, option.argument));
    if (option.name == "i" || option.name == "c") {
      line_.on_error =
          option.name == "i" ? RuleLine::OnError::kIgnore : RuleLine::OnError::kContinue;
      return absl::OkStatus();
    }
    if (option.name == "R") return Refusal("a file of rules cannot include another");
    if (option.name == "D") return Refusal("-D takes \"-k KEY\" and nothing else");
    return Refusal(absl::StrFormat("-%s has no place in a file of rules", option.name));
  }

  absl::Status Keep(absl::StatusOr<RuleSetting> setting) {
    if (!setting.ok()) return setting.status();
    line_.settings.push_back(*std::move(setting));
    return absl::OkStatus();
  }

  RuleLine line_;
  RuleBuilder builder_;
  bool has_rule_ = false;
  bool is_ended_ = false;
};

}  // namespace

absl::StatusOr<RuleLine> ParseRuleLine(std::string_view line) {
  if (line.size() > kRuleLineBytesMax) {
    return Refusal(absl::StrFormat("the line is longer than %d bytes", kRuleLineBytesMax));
  }
  if (line.find('\0') != std::string_view::npos) return Refusal("there is a NUL in the line");
  const std::vector<std::string> words = SplitRuleLine(line);
  RuleLine result;
  if (words.empty()) return result;
  const absl::StatusOr<bool> is_read = ReadWholeLine(words, &result);
  if (!is_read.ok()) return is_read.status();
  if (*is_read) return result;
  const absl::StatusOr<RuleOptions> options = ReadRuleOptions(words);
  if (!options.ok()) return options.status();
  if (!options->operands.empty()) {
    return RefusalOf(options->operands.front(), "belongs to no option");
  }
  return LineReader().Read(options->options);
}

}  // namespace client_plugin
