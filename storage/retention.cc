#include "storage/retention.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

#include "audit/record_type.h"

namespace storage {

namespace {

constexpr std::string_view kDefault = "default";
constexpr std::string_view kKeep = "keep";
constexpr size_t kNameBytesMax = 64;

using Words = std::vector<std::string_view>;

// For a message: an administrator finds the word by its beginning.
std::string Quoted(std::string_view word) {
  constexpr size_t kShown = 80;
  return "\"" + absl::CHexEscape(std::string(word.substr(0, kShown))) + "\"";
}

// What stands between any of the separators.
Words Split(std::string_view text, std::string_view separators) {
  Words words;
  for (;;) {
    const size_t end = text.find_first_of(separators);
    words.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return words;
    text.remove_prefix(end + 1);
  }
}

// A number and one letter of `units`, whose place in it tells the unit.
bool TakeQuantity(std::string_view word, std::string_view units, uint64_t* number, size_t* unit) {
  if (word.empty()) return false;
  *unit = units.find(word.back());
  word.remove_suffix(1);
  const auto [end, errc] = std::from_chars(word.data(), word.data() + word.size(), *number);
  return *unit != std::string_view::npos && errc == std::errc{} && end == word.data() + word.size();
}

class PolicyParser {
 public:
  explicit PolicyParser(std::string_view file_name) : file_name_(file_name) {}

  absl::StatusOr<RetentionPolicy> Parse(std::string_view text) {
    if (text.size() > kPolicyBytesMax) {
      return absl::InvalidArgumentError(
          absl::StrFormat("%s: more than %d bytes", file_name_, kPolicyBytesMax));
    }
    for (const std::string_view line : Split(text, "\n")) {
      ++line_;
      Words words = Split(line.substr(0, line.find('#')), " \t\r");
      std::erase(words, "");
      if (!words.empty()) ParseLine(words);
      if (wrong_.size() >= kWrongMax) break;
    }
    if (!wrong_.empty()) return absl::InvalidArgumentError(absl::StrJoin(wrong_, "\n"));
    return std::move(policy_);
  }

 private:
  static constexpr size_t kWrongMax = 100;  // Who has made so many mistakes reads no further.

  void Wrong(const std::string& what) {
    wrong_.push_back(absl::StrFormat("%s:%d: %s", file_name_, line_, what));
  }

  void ParseLine(const Words& words) {
    if (default_line_ > 0) {
      return Wrong(absl::StrFormat("nothing may follow \"default\" (line %d)", default_line_));
    }
    const size_t wrong_before = wrong_.size();
    RetentionRule rule;
    auto word = words.begin() + 1;
    if (words.front() == kDefault) {
      default_line_ = line_;
      rule.name = kDefault;
    } else if (words.front() == "rule") {
      if (word == words.end() || *word == kKeep) return Wrong("a rule needs a name");
      rule.name = *word++;
      CheckName(rule.name);
      for (; word != words.end() && *word != kKeep; ++word) TakeCondition(*word, &rule);
    } else {
      return Wrong("unknown word " + Quoted(words.front()) + "; allowed: rule, default");
    }
    TakeKeep({word, words.end()}, &rule);
    if (wrong_.size() > wrong_before) return;
    if (policy_.rules.size() == kPolicyRulesMax) {
      return Wrong(absl::StrFormat("more than %d rules", kPolicyRulesMax));
    }
    policy_.rules.push_back(std::move(rule));
  }

  void CheckName(const std::string& name) {
    const auto is_allowed = [](char c) {
      return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
    };
    if (name.size() > kNameBytesMax || !std::ranges::all_of(name, is_allowed)) {
      return Wrong(
          absl::StrFormat("bad name %s; allowed: up to %d letters, digits, \"-\", \"_\" and \".\"",
                          Quoted(name), kNameBytesMax));
    }
    if (name == kDefault || name == kRotateRule) {
      return Wrong("the name " + Quoted(name) + " has a meaning of its own");
    }
    const auto [known, is_new] = names_.emplace(name, line_);
    if (is_new) return;
    Wrong(absl::StrFormat("the name %s is taken (line %d)", Quoted(name), known->second));
  }

  void TakeCondition(std::string_view word, RetentionRule* rule) {
    const size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    std::vector<std::string>* list = nullptr;
    if (name == "host") list = &rule->host_patterns;
    if (name == "key") list = &rule->keys;
    if (name == "type") list = &rule->types;
    if (list == nullptr || equals == std::string_view::npos) {
      return Wrong("unknown word " + Quoted(word) +
                   "; allowed: host=PATTERN,..., key=KEY,..., type=TYPE,..., keep");
    }
    if (!list->empty()) return Wrong(Quoted(name) + " stands twice");
    const Words words = Split(word.substr(equals + 1), ",");
    list->assign(words.begin(), words.end());
    if (list->size() > kPolicyWordsMax) {
      return Wrong(absl::StrFormat("more than %d words in %s", kPolicyWordsMax, Quoted(name)));
    }
    for (const std::string& one : *list) CheckWord(name, one);
  }

  void CheckWord(std::string_view list, const std::string& word) {
    if (word.empty()) return Wrong("an empty word in " + Quoted(list));
    if (word.size() > kPolicyWordBytesMax) {
      return Wrong(
          absl::StrFormat("a word of more than %d bytes in %s", kPolicyWordBytesMax, Quoted(list)));
    }
    if (list == "type" && !audit::RecordTypeNumber(word)) {
      Wrong("there is no record type " + Quoted(word) + "; see \"ausearch -m\"");
    }
  }

  void TakeKeep(const Words& words, RetentionRule* rule) {
    if (words.empty() || words[0] != kKeep) {
      return Wrong((words.empty() ? "\"keep\" is missing" : "unknown word " + Quoted(words[0])) +
                   "; wanted: keep DAYSd, or keep forever");
    }
    if (words.size() < 2) return Wrong("\"keep\" of how long? Wanted: DAYSd, or forever");
    TakeAge(words[1], rule);
    if (words.size() == 2) return;
    if (words[2] != "at-most") {
      return Wrong("unknown word " + Quoted(words[2]) + "; allowed: at-most SIZE");
    }
    if (words.size() < 4)
      return Wrong("\"at-most\" of how much? Wanted: a number and K, M, G or T");
    TakeSize(words[3], rule);
    if (words.size() > 4) Wrong("unknown word " + Quoted(words[4]) + " behind the size");
  }

  void TakeAge(std::string_view word, RetentionRule* rule) {
    if (word == "forever") return;
    uint64_t days = 0;
    size_t unit = 0;
    if (!TakeQuantity(word, "d", &days, &unit) || days < 1 || days > kPolicyDaysMax) {
      return Wrong(
          absl::StrFormat("bad age %s; allowed: 1d to %dd, forever", Quoted(word), kPolicyDaysMax));
    }
    rule->days_max = static_cast<uint32_t>(days);
  }

  void TakeSize(std::string_view word, RetentionRule* rule) {
    uint64_t number = 0;
    size_t unit = 0;
    const bool is_size = TakeQuantity(word, "KMGT", &number, &unit);
    const uint64_t scale = is_size ? uint64_t{1} << (10 * (unit + 1)) : 1;
    if (!is_size || number < 1 || number > std::numeric_limits<uint64_t>::max() / scale) {
      return Wrong("bad size " + Quoted(word) + "; allowed: a number and K, M, G or T");
    }
    if (!rule->takes_whole_hosts()) {
      return Wrong(
          "\"at-most\" is for rules without key and type only: what their events take on the disk "
          "cannot be told without reading all of them");
    }
    rule->bytes_max = number * scale;
  }

  const std::string file_name_;
  int line_ = 0;
  int default_line_ = 0;
  std::map<std::string, int> names_;  // And the lines in which they stand.
  RetentionPolicy policy_;
  std::vector<std::string> wrong_;
};

}  // namespace

absl::StatusOr<RetentionPolicy> ParseRetentionPolicy(std::string_view text,
                                                     std::string_view file_name) {
  return PolicyParser(file_name).Parse(text);
}

std::string ToText(const RetentionRule& rule) {
  std::string text = rule.name == kDefault ? rule.name : absl::StrCat("rule ", rule.name);
  const auto add = [&](std::string_view name, const std::vector<std::string>& words) {
    if (words.empty()) return;
    absl::StrAppend(&text, " ", std::string(name), "=", absl::StrJoin(words, ","));
  };
  add("host", rule.host_patterns);
  add("key", rule.keys);
  add("type", rule.types);
  absl::StrAppend(&text, " keep ", rule.days_max ? absl::StrCat(*rule.days_max, "d") : "forever");
  if (!rule.bytes_max) return text;
  size_t unit = 0;
  while (unit < 3 && *rule.bytes_max % (uint64_t{1} << (10 * (unit + 2))) == 0) ++unit;
  absl::StrAppend(&text, " at-most ", *rule.bytes_max >> (10 * (unit + 1)),
                  std::string(1, "KMGT"[unit]));
  return text;
}

}  // namespace storage
