#include "base/utf8.h"

#include <string>

#include "gtest/gtest.h"
#include <nlohmann/json.hpp>

namespace base {
namespace {

TEST(ToUtf8, KeepsCharacters) {
  for (const std::string text : {"", "ls -l", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                                 "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_EQ(ToUtf8(text), text);
  }
  EXPECT_EQ(ToUtf8(std::string("\0", 1)), std::string("\0", 1));
}

TEST(ToUtf8, ReplacesBytesThatAreNone) {
  EXPECT_EQ(ToUtf8("a\xffz"), "a\xef\xbf\xbdz");
  EXPECT_EQ(ToUtf8("\xc3"), "\xef\xbf\xbd");
  EXPECT_EQ(ToUtf8("\xc0\x80"), "\xef\xbf\xbd\xef\xbf\xbd");
}

// The judge is another parser: it refuses what is no UTF-8.
TEST(ToUtf8, AgreesWithAnotherParser) {
  for (int first = 0x80; first < 0x100; ++first) {
    for (const int second : {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0}) {
      for (const int third : {0x41, 0x80, 0xbf}) {
        std::string text = {static_cast<char>(first), static_cast<char>(second),
                            static_cast<char>(third), '\x80'};
        for (size_t length = 1; length <= text.size(); ++length) {
          const std::string part = text.substr(0, length);
          bool is_valid = true;
          try {
            (void)nlohmann::json(part).dump();
          } catch (const nlohmann::json::type_error&) {
            is_valid = false;
          }
          EXPECT_EQ(ToUtf8(part) == part, is_valid) << first << " " << second;
          EXPECT_NO_THROW((void)nlohmann::json(ToUtf8(part)).dump());
        }
      }
    }
  }
}

}  // namespace
}  // namespace base
