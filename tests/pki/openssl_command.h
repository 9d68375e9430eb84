// openssl(1), which says what others make of our certificates.

#pragma once

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace pki {

struct CommandResult {
  bool succeeded = false;
  std::string output;  // Of both streams.
};

inline CommandResult Openssl(const std::string& arguments) {
  const std::string command = "openssl " + arguments + " 2>&1 < /dev/null";
  std::FILE* const pipe = popen(command.c_str(), "r");
  CommandResult result;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) {
    result.output += static_cast<char>(c);
  }
  result.succeeded = pclose(pipe) == 0;
  return result;
}

// Of a command that has to succeed.
inline std::string OpensslOutput(const std::string& arguments) {
  const CommandResult result = Openssl(arguments);
  EXPECT_TRUE(result.succeeded) << arguments << '\n' << result.output;
  return result.output;
}

inline std::string Content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void Write(const std::string& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

}  // namespace pki
