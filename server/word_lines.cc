#include "server/word_lines.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace server {

absl::StatusOr<std::vector<WordLine>> SplitWordLines(std::string_view text,
                                                     const std::string& file_name) {
  if (text.size() > kWordFileBytesMax) {
    return absl::InvalidArgumentError(absl::StrFormat("%s: longer than 1 MB", file_name));
  }
  std::vector<WordLine> lines;
  size_t number = 0;
  for (const absl::string_view line :
       absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    ++number;
    std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
    if (words.empty() || words.front().starts_with('#')) continue;
    lines.push_back({.number = number, .words = std::move(words)});
  }
  return lines;
}

absl::Status WrongLine(const std::string& file_name, const WordLine& line, std::string_view what) {
  return absl::InvalidArgumentError(absl::StrFormat("%s:%d: %s", file_name, line.number, what));
}

}  // namespace server
