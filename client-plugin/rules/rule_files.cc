#include "client-plugin/rules/rule_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "base/file_descriptor.h"

namespace client_plugin {

namespace {

namespace fs = std::filesystem;

absl::Status Failed(const std::string& path, int error) {
  const std::string message =
      absl::StrFormat("%s: %s", path, std::generic_category().message(error));
  if (error == ENOENT) return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(message);
  return absl::UnavailableError(message);
}

absl::Status CheckOwner(const std::string& path, const struct stat& status) {
  if (status.st_uid != 0) {
    return absl::PermissionDeniedError(absl::StrFormat("%s: does not belong to root", path));
  }
  if ((status.st_mode & S_IWOTH) != 0) {
    return absl::PermissionDeniedError(absl::StrFormat("%s: everybody may write to it", path));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadAll(const std::string& path, int descriptor) {
  std::string text;
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t bytes = read(descriptor, buffer.data(), buffer.size());
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return Failed(path, errno);
    if (bytes == 0) return text;
    text.append(buffer.data(), static_cast<size_t>(bytes));
    if (text.size() > kRuleFileBytesMax) {
      return absl::ResourceExhaustedError(
          absl::StrFormat("%s: larger than %d bytes", path, kRuleFileBytesMax));
    }
  }
}

bool IsBlankOrComment(std::string_view line) {
  const size_t begin = line.find_first_not_of(' ');
  return begin == std::string_view::npos || line[begin] == '#';
}

// Appends the lines of a file. It is checked and read through one descriptor, so that it cannot be
// another one in between. A directory or a device is no file of rules even where nobody checks
// owners.
absl::Status ReadFile(const std::string& path, const ReadRulesOptions& options,
                      std::vector<RuleSource>* lines) {
  const base::FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return Failed(path, errno);
  struct stat status = {};
  if (fstat(file.get(), &status) != 0) return Failed(path, errno);
  if (options.must_be_roots) {
    absl::Status checked = CheckOwner(path, status);
    if (!checked.ok()) return checked;
  }
  if (!S_ISREG(status.st_mode) && (options.must_be_roots || !S_ISFIFO(status.st_mode))) {
    return absl::UnavailableError(absl::StrFormat("%s: no regular file", path));
  }
  const absl::StatusOr<std::string> text = ReadAll(path, file.get());
  if (!text.ok()) return text.status();
  size_t number = 0;
  for (std::string_view rest = *text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    ++number;
    if (IsBlankOrComment(line)) continue;
    lines->push_back({.file = path, .line = number, .text = std::string(line)});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> RuleFilesOf(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (!name.ends_with(".rules") || name.starts_with('.')) continue;
    if (names.size() == kRuleFilesMax) {
      return absl::ResourceExhaustedError(
          absl::StrFormat("%s: more than %d files of rules", directory, kRuleFilesMax));
    }
    names.push_back(name);
  }
  if (error) return Failed(directory, error.value());
  std::ranges::sort(names, ComesBeforeByVersion);
  return names;
}

// augenrules takes these out of where they stand.
enum class Moved : uint8_t { kNot, kDeleteAll, kBacklog, kFailure, kEnabled };

Moved WhereTo(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r\f\v";
  const size_t begin = line.find_first_not_of(kBlanks);
  line.remove_prefix(begin == std::string_view::npos ? line.size() : begin);
  if (line.starts_with("-e")) return Moved::kEnabled;
  if (line.starts_with("-f")) return Moved::kFailure;
  if (line.starts_with("-b")) return Moved::kBacklog;
  if (line.starts_with("-D") && line.find_first_not_of(kBlanks, 2) == std::string_view::npos) {
    return Moved::kDeleteAll;
  }
  return Moved::kNot;
}

// What augenrules takes for a comment may begin with any blank.
bool IsComment(std::string_view line) {
  const size_t begin = line.find_first_not_of(" \t\r\f\v");
  return begin != std::string_view::npos && line[begin] == '#';
}

std::vector<RuleSource> InOrder(std::vector<RuleSource> lines) {
  std::optional<RuleSource> moved[5];
  std::vector<RuleSource> others;
  for (RuleSource& line : lines) {
    if (IsComment(line.text)) continue;
    const Moved where_to = WhereTo(line.text);
    if (where_to == Moved::kNot) {
      others.push_back(std::move(line));
    } else {
      moved[static_cast<size_t>(where_to)] = std::move(line);
    }
  }
  std::vector<RuleSource> result;
  for (const Moved first : {Moved::kDeleteAll, Moved::kBacklog, Moved::kFailure}) {
    std::optional<RuleSource>& line = moved[static_cast<size_t>(first)];
    if (line) result.push_back(*std::move(line));
  }
  std::ranges::move(others, std::back_inserter(result));
  std::optional<RuleSource>& enabled = moved[static_cast<size_t>(Moved::kEnabled)];
  if (enabled) result.push_back(*std::move(enabled));
  return result;
}

absl::StatusOr<std::vector<RuleSource>> ReadDirectory(const std::string& path,
                                                      const ReadRulesOptions& options) {
  if (options.must_be_roots) {
    struct stat status = {};
    if (stat(path.c_str(), &status) != 0) return Failed(path, errno);
    absl::Status checked = CheckOwner(path, status);
    if (!checked.ok()) return checked;
  }
  const absl::StatusOr<std::vector<std::string>> names = RuleFilesOf(path);
  if (!names.ok()) return names.status();
  std::vector<RuleSource> lines;
  for (const std::string& name : *names) {
    absl::Status read = ReadFile(fs::path(path) / name, options, &lines);
    if (!read.ok()) return read;
  }
  return InOrder(std::move(lines));
}

// How a byte that is no digit counts, and the end of a name: by letters, but "~" before all.
int Weight(std::string_view name, size_t at) {
  if (at >= name.size()) return -1;
  const auto c = static_cast<unsigned char>(name[at]);
  if (absl::ascii_isdigit(c)) return 0;
  if (absl::ascii_isalpha(c)) return c;
  return c == '~' ? -2 : c + 256;
}

bool HasDigit(std::string_view name, size_t at) {
  return at < name.size() && absl::ascii_isdigit(static_cast<unsigned char>(name[at]));
}

// Takes the digits at *at, without the zeros that they begin with.
std::string_view TakeDigits(std::string_view name, size_t* at) {
  while (*at < name.size() && name[*at] == '0') ++*at;
  const size_t begin = *at;
  while (HasDigit(name, *at)) ++*at;
  return name.substr(begin, *at - begin);
}

// Negative, zero or positive, as strcmp(3).
int CompareByVersion(std::string_view left, std::string_view right) {
  size_t l = 0;
  size_t r = 0;
  while (l < left.size() || r < right.size()) {
    while ((l < left.size() && !HasDigit(left, l)) || (r < right.size() && !HasDigit(right, r))) {
      const int difference = Weight(left, l) - Weight(right, r);
      if (difference != 0) return difference;
      ++l;
      ++r;
    }
    const std::string_view left_digits = TakeDigits(left, &l);
    const std::string_view right_digits = TakeDigits(right, &r);
    if (left_digits.size() != right_digits.size()) {
      return left_digits.size() < right_digits.size() ? -1 : 1;
    }
    const int difference = left_digits.compare(right_digits);
    if (difference != 0) return difference;
  }
  return 0;
}

// Without what looks like endings: each a dot, a letter or "~", and letters, digits and "~".
std::string_view WithoutEndings(std::string_view name) {
  size_t length = name.size();
  for (size_t end = length; end > 0;) {
    const size_t dot = name.rfind('.', end - 1);
    if (dot == std::string_view::npos || dot == 0 || dot + 1 >= end) break;
    const auto is_word = [](char c) {
      return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '~';
    };
    if (!std::all_of(name.begin() + static_cast<ptrdiff_t>(dot) + 1,
                     name.begin() + static_cast<ptrdiff_t>(end), is_word) ||
        HasDigit(name, dot + 1)) {
      break;
    }
    length = end = dot;
  }
  return name.substr(0, length);
}

}  // namespace

std::string RuleSource::where() const { return absl::StrCat(file, ":", line); }

absl::StatusOr<std::vector<RuleSource>> ReadRules(const std::vector<RulePlace>& places,
                                                  const ReadRulesOptions& options) {
  std::vector<RuleSource> lines;
  for (const RulePlace& place : places) {
    if (!place.is_directory) {
      absl::Status read = ReadFile(place.path, options, &lines);
      if (!read.ok()) return read;
      continue;
    }
    absl::StatusOr<std::vector<RuleSource>> read = ReadDirectory(place.path, options);
    if (!read.ok()) return read.status();
    std::ranges::move(*read, std::back_inserter(lines));
  }
  return lines;
}

std::vector<RulePlace> UsualRulePlaces() {
  constexpr char kDirectory[] = "/etc/audit/rules.d";
  std::error_code error;
  if (fs::is_directory(kDirectory, error)) return {{.path = kDirectory, .is_directory = true}};
  return {{.path = "/etc/audit/audit.rules", .is_directory = false}};
}

bool ComesBeforeByVersion(std::string_view left, std::string_view right) {
  const std::string_view left_name = WithoutEndings(left);
  const std::string_view right_name = WithoutEndings(right);
  int order = CompareByVersion(left_name, right_name);
  const bool has_endings = left_name.size() != left.size() || right_name.size() != right.size();
  if (order == 0 && has_endings) order = CompareByVersion(left, right);
  return order != 0 ? order < 0 : left < right;
}

}  // namespace client_plugin
