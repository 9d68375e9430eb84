#include "server/config.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "base/small_file.h"
#include "server/config_keys.h"

namespace server {

namespace {

constexpr std::string_view kBlanks = " \t";
constexpr std::string_view kHexDigits = "0123456789abcdef";

std::string_view WithoutBlanks(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// The words of `text` with one blank between them.
std::string JoinWords(std::string_view text) {
  std::string joined;
  for (text = WithoutBlanks(text); !text.empty(); text = WithoutBlanks(text)) {
    const size_t end = std::min(text.find_first_of(kBlanks), text.size());
    if (!joined.empty()) joined += ' ';
    joined += text.substr(0, end);
    text.remove_prefix(end);
  }
  return joined;
}

// A terminal must not obey what stands in a file.
std::string Printable(std::string_view text) {
  std::string printable;
  for (const char c : text) {
    if (c >= ' ' && c <= '~') {
      printable += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    printable += {'\\', 'x', kHexDigits[byte >> 4], kHexDigits[byte & 15]};
  }
  return printable;
}

void MakeWrong(std::string what, std::string_view allowed, Finding* finding) {
  finding->verdict = Verdict::kWrong;
  finding->reason = std::move(what);
  finding->allowed = allowed;
}

// Splits "key = value" into the finding, and returns what is wrong with the line.
std::string_view SplitLine(std::string_view line, Finding* finding) {
  if (line.size() > kConfigLineBytesMax) return "the line is too long";
  const auto is_control = [](char c) {
    return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == '\x7f';
  };
  if (std::ranges::any_of(line, is_control)) return "a control character in the line";
  const size_t equals = line.find('=');
  finding->key = JoinWords(line.substr(0, equals));
  if (equals == std::string_view::npos) return "no \"=\"";
  finding->value = JoinWords(line.substr(equals + 1));
  if (finding->key.empty()) return "no key";
  if (finding->key.find(' ') != std::string::npos) return "more than one word before the \"=\"";
  if (finding->value.empty()) return "no value";
  return {};
}

// auditd allows a program behind the action "exec".
bool HasTooManyWords(std::string_view key, std::string_view value) {
  if (key == "listen_address" || key == "api_json_origins") return false;
  return std::ranges::count(value, ' ') > (key.ends_with("_action") ? 1 : 0);
}

void JudgeLine(std::string_view line, Config* config, Finding* finding) {
  const std::string_view wrong = SplitLine(line, finding);
  if (!wrong.empty()) return MakeWrong(std::string(wrong), "key = value, # comment", finding);

  const HonouredKey* const honoured = FindHonouredKey(finding->key);
  const OtherKey* const other = FindOtherKey(finding->key);
  if (honoured == nullptr && other == nullptr) {
    const std::string_view nearest = NearestKey(finding->key);
    return MakeWrong("unknown key",
                     nearest.empty()
                         ? "the keys of auspexd.conf(5)"
                         : absl::StrFormat("%s, or another key of auspexd.conf(5)", nearest),
                     finding);
  }
  if (HasTooManyWords(honoured != nullptr ? honoured->name : other->name, finding->value)) {
    return MakeWrong("too many words", "one word; a comment is a line of its own", finding);
  }
  if (other != nullptr) {
    finding->verdict = Verdict::kWithoutMeaning;
    finding->reason = other->why;
    return;
  }
  std::string wrong_value = honoured->set(finding->value, config);
  if (!wrong_value.empty()) MakeWrong(std::move(wrong_value), honoured->allowed, finding);
}

void AddRemark(std::string_view remark, Finding* finding) {
  if (remark.empty() || finding->verdict == Verdict::kWrong) return;
  if (!finding->reason.empty()) finding->reason += "; ";
  finding->reason += remark;
}

// Says of a repeated key which line counts, and returns the finding that counts by the name of
// its key.
std::map<std::string_view, Finding*> SettleRepeats(std::vector<Finding>* findings) {
  std::map<std::string_view, Finding*> last;
  for (Finding& finding : *findings) {
    const HonouredKey* const honoured = FindHonouredKey(finding.key);
    const OtherKey* const other = FindOtherKey(finding.key);
    if (honoured == nullptr && other == nullptr) continue;
    Finding*& before = last[honoured != nullptr ? honoured->name : other->name];
    if (before != nullptr) {
      AddRemark(absl::StrFormat("line %d sets it again and counts", finding.line), before);
      AddRemark(absl::StrFormat("line %d no longer counts", before->line), &finding);
    }
    before = &finding;
  }
  return last;
}

// What can be said only when the whole file is known.
void JudgeTogether(ParsedConfig* parsed) {
  const std::map<std::string_view, Finding*> last = SettleRepeats(&parsed->findings);
  for (const HonouredKey& key : HonouredKeys()) {
    const auto found = last.find(key.name);
    if (found == last.end()) {
      parsed->defaults.push_back({std::string(key.name), key.show(parsed->config)});
      continue;
    }
    Finding* const finding = found->second;
    if (key.remark != nullptr) AddRemark(key.remark(parsed->config), finding);
    if (key.conflict == nullptr || finding->verdict == Verdict::kWrong) continue;
    const std::string_view conflict = key.conflict(parsed->config);
    if (!conflict.empty()) MakeWrong(std::string(conflict), key.allowed, finding);
  }
}

// What can be said only on the machine where it is used. Keys that the file does not set are at
// their defaults, which are good everywhere.
void JudgeOnThisMachine(ParsedConfig* parsed) {
  for (Finding& finding : parsed->findings) {
    const HonouredKey* const key = FindHonouredKey(finding.key);
    if (key == nullptr || key->inspect == nullptr || finding.verdict == Verdict::kWrong) continue;
    std::string wrong = key->inspect(parsed->config);
    if (!wrong.empty()) MakeWrong(std::move(wrong), key->allowed, &finding);
  }
}

// Removes a line from the front of *text and returns it without its end.
std::string_view TakeLine(std::string_view* text) {
  const size_t end = std::min(text->find('\n'), text->size());
  std::string_view line = text->substr(0, end);
  text->remove_prefix(std::min(end + 1, text->size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return WithoutBlanks(line);
}

}  // namespace

bool ParsedConfig::ok() const {
  return std::ranges::none_of(
      findings, [](const Finding& finding) { return finding.verdict == Verdict::kWrong; });
}

ParsedConfig ParseConfig(std::string_view text, std::string_view file_name) {
  ParsedConfig parsed;
  parsed.file_name = file_name;
  if (text.size() > kConfigBytesMax) {
    Finding& finding = parsed.findings.emplace_back();
    finding.line = 1;
    MakeWrong("the file is too long", "1 MB", &finding);
    return parsed;
  }
  for (size_t line_number = 1; !text.empty(); ++line_number) {
    const std::string_view line = TakeLine(&text);
    if (line.empty() || line.front() == '#') continue;
    Finding& finding = parsed.findings.emplace_back();
    finding.line = line_number;
    if (parsed.findings.size() == kConfigFindingsMax) {
      MakeWrong("too many lines, the rest is not read", "999 lines with keys", &finding);
      break;
    }
    JudgeLine(line, &parsed.config, &finding);
  }
  JudgeTogether(&parsed);
  return parsed;
}

absl::StatusOr<ParsedConfig> ReadConfigFile(const std::string& path) {
  const absl::StatusOr<std::string> text = base::ReadSmallFile(path, kConfigBytesMax + 1);
  if (!text.ok()) {
    return absl::Status(text.status().code(),
                        absl::StrCat("configuration ", text.status().message()));
  }
  ParsedConfig parsed = ParseConfig(*text, path);
  JudgeOnThisMachine(&parsed);
  return parsed;
}

std::string FormatFinding(const ParsedConfig& parsed, const Finding& finding) {
  std::string line = absl::StrFormat("%s:%d: ", parsed.file_name, finding.line);
  if (!finding.key.empty()) line += finding.key;
  if (!finding.value.empty()) line += " = " + finding.value;
  if (!finding.key.empty() || !finding.value.empty()) line += ": ";
  switch (finding.verdict) {
    case Verdict::kHonoured:
      line += "honoured";
      if (!finding.reason.empty()) line += " (" + finding.reason + ")";
      break;
    case Verdict::kWithoutMeaning:
      line += "without meaning: " + finding.reason;
      break;
    case Verdict::kWrong:
      line += "wrong: " + finding.reason + ", allowed: " + finding.allowed;
      break;
  }
  return Printable(line);
}

std::string FormatReport(const ParsedConfig& parsed) {
  std::string report;
  std::array<size_t, 3> counts{};
  for (const Finding& finding : parsed.findings) {
    report += FormatFinding(parsed, finding) + '\n';
    ++counts[static_cast<size_t>(finding.verdict)];
  }
  for (const DefaultInForce& unset : parsed.defaults) {
    report += Printable(absl::StrFormat("%s: %s: not set: %s", parsed.file_name, unset.key,
                                        unset.value)) +
              '\n';
  }
  report += Printable(absl::StrFormat("%s: %s: %d honoured, %d without meaning, %d wrong",
                                      parsed.file_name, parsed.ok() ? "good" : "refused", counts[0],
                                      counts[1], counts[2])) +
            '\n';
  return report;
}

}  // namespace server
