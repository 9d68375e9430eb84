// Files that an administrator writes with a rule on each line: words with blanks between them.
//
//   file := { line newline }
//   line := blanks [ "#" anything | word { blanks word } ]

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace server {

// A line for each of ten thousand callers or hosts.
inline constexpr size_t kWordFileBytesMax = 1 << 20;

struct WordLine {
  size_t number = 0;               // From 1.
  std::vector<std::string> words;  // At least one.
};

// The lines that are neither empty nor a comment. kInvalidArgument for more than kWordFileBytesMax;
// `file_name` is for the message.
absl::StatusOr<std::vector<WordLine>> SplitWordLines(std::string_view text,
                                                     const std::string& file_name);

// kInvalidArgument: "FILE:LINE: what".
absl::Status WrongLine(const std::string& file_name, const WordLine& line, std::string_view what);

}  // namespace server
