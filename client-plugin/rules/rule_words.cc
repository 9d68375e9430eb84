#include "client-plugin/rules/rule_words.h"

#include <array>
#include <cstddef>
#include <utility>

#include "absl/strings/str_format.h"

#include "client-plugin/rules/refusal.h"

namespace client_plugin {

namespace {

// The letters of auditctl, and which of them take an argument.
constexpr std::string_view kPlainLetters = "hicslDvt";
constexpr std::string_view kArgumentLetters = "CefrbaAdSFmRwWkpq";

struct LongOption {
  std::string_view name;
  bool has_argument;
};
constexpr auto kLongOptions = std::to_array<LongOption>({
    {"loginuid-immutable", false},
    {"backlog_wait_time", true},
    {"reset-lost", false},
    {"reset_backlog_wait_time_actual", false},
    {"signal", true},
});

absl::Status Incomplete(std::string_view option) {
  return Refusal(absl::StrFormat("%s has no argument", option));
}

// The one option whose name begins with the word, or is it.
absl::StatusOr<LongOption> FindLongOption(std::string_view word) {
  const LongOption* found = nullptr;
  for (const LongOption& option : kLongOptions) {
    if (option.name == word) return option;
    if (!option.name.starts_with(word)) continue;
    if (found != nullptr) {
      return Refusal(absl::StrFormat("--%s may be %s or %s", word, found->name, option.name));
    }
    found = &option;
  }
  if (found == nullptr) return RefusalOf("--" + std::string(word), "is no option of auditctl's");
  return *found;
}

class OptionReader {
 public:
  explicit OptionReader(const std::vector<std::string>& words) : words_(words) {}

  absl::StatusOr<RuleOptions> Read() {
    while (next_ < words_.size()) {
      const std::string_view word = words_[next_++];
      absl::Status read;
      if (word == "--") {
        result_.operands.insert(result_.operands.end(),
                                words_.begin() + static_cast<ptrdiff_t>(next_), words_.end());
        break;
      }
      if (word.starts_with("--")) {
        read = ReadLong(word.substr(2));
      } else if (word.size() > 1 && word.starts_with('-')) {
        read = ReadLetters(word.substr(1));
      } else {
        result_.operands.emplace_back(word);
      }
      if (!read.ok()) return read;
    }
    return std::move(result_);
  }

 private:
  absl::Status ReadLong(std::string_view word) {
    const size_t equals = word.find('=');
    const absl::StatusOr<LongOption> option = FindLongOption(word.substr(0, equals));
    if (!option.ok()) return option.status();
    const bool is_attached = equals != std::string_view::npos;
    if (is_attached && !option->has_argument) {
      return Refusal(absl::StrFormat("--%s takes no argument", option->name));
    }
    RuleOption read = {.name = std::string(option->name), .argument = ""};
    if (is_attached) {
      read.argument = word.substr(equals + 1);
    } else if (option->has_argument) {
      if (next_ == words_.size()) return Incomplete(absl::StrFormat("--%s", option->name));
      read.argument = words_[next_++];
    }
    result_.options.push_back(std::move(read));
    return absl::OkStatus();
  }

  absl::Status ReadLetters(std::string_view letters) {
    while (!letters.empty()) {
      RuleOption read = {.name = std::string(letters.substr(0, 1)), .argument = ""};
      letters.remove_prefix(1);
      if (kArgumentLetters.find(read.name) != std::string_view::npos) {
        if (letters.empty() && next_ == words_.size()) {
          return Incomplete(absl::StrFormat("-%s", read.name));
        }
        read.argument = letters.empty() ? words_[next_++] : std::string(letters);
        letters = {};
      } else if (kPlainLetters.find(read.name) == std::string_view::npos) {
        return RefusalOf("-" + read.name, "is no option of auditctl's");
      }
      result_.options.push_back(std::move(read));
    }
    return absl::OkStatus();
  }

  const std::vector<std::string>& words_;
  size_t next_ = 0;
  RuleOptions result_;
};

}  // namespace

std::vector<std::string> SplitRuleLine(std::string_view line) {
  std::vector<std::string> words;
  for (size_t at = 0; at < line.size();) {
    if (line[at] == ' ') {
      ++at;
      continue;
    }
    std::string& word = words.emplace_back();
    const bool is_first = words.size() == 1;
    for (; at < line.size() && line[at] != ' '; ++at) {
      const bool escapes = line[at] == '\\' && at + 1 < line.size();
      if (escapes && (line[at + 1] == ' ' || line[at + 1] == '\\')) {
        if (is_first) word += '\\';
        word += line[++at];
        continue;
      }
      word += line[at];
    }
    if (is_first && word.starts_with('#')) return {};
  }
  return words;
}

absl::StatusOr<RuleOptions> ReadRuleOptions(const std::vector<std::string>& words) {
  return OptionReader(words).Read();
}

}  // namespace client_plugin
