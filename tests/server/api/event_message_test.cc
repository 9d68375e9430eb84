#include "server/api/event_message.h"

#include <gtest/gtest.h>

namespace server {
namespace {

TEST(Cursor, ComesBackAsItWas) {
  const storage::SearchCursor cursor{.order = storage::SearchOrder::kTimeDescending,
                                     .key = {1, 0, UINT64_MAX, 0x0123456789abcdef, 5}};
  const std::string bytes = MessageOf(cursor);
  EXPECT_EQ(bytes.size(), 42u);
  const auto read = CursorOf(bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, cursor);
}

TEST(Cursor, IsRefusedIfItIsNone) {
  const std::string good = MessageOf(storage::SearchCursor());
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_FALSE(CursorOf(good.substr(0, length)).ok()) << length;
  }
  EXPECT_FALSE(CursorOf(good + "x").ok());
  EXPECT_FALSE(CursorOf("\2" + good.substr(1)).ok());
  EXPECT_FALSE(CursorOf(good.substr(0, 1) + "\x09" + good.substr(2)).ok());
}

}  // namespace
}  // namespace server
