#include "audit/event.h"

#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace audit {
namespace {

constexpr std::string_view kCwd = "node=a type=CWD msg=audit(1.000:7): cwd=\"/\"";
constexpr std::string_view kEoe = "node=a type=EOE msg=audit(1.000:7):";

TEST(Event, KeepsItsRecordsAsTheyCame) {
  Event event("a", {1000, 7});
  EXPECT_EQ(event.record_count(), 0u);
  event.Add(kCwd);
  event.Add(kEoe);
  ASSERT_EQ(event.record_count(), 2u);
  EXPECT_EQ(event.line(0), kCwd);
  EXPECT_EQ(event.line(1), kEoe);
  EXPECT_EQ(event.record(0).body, "cwd=\"/\"");
  EXPECT_EQ(event.record(1).type, "EOE");
  EXPECT_EQ(event.bytes(), kCwd.size() + kEoe.size());
}

TEST(Event, OwnsItsBytes) {
  std::string node = "a";
  std::string line(kCwd);
  Event event(node, {1000, 7});
  event.Add(line);
  node = "?";
  line.assign(line.size(), '?');
  const Event moved = std::move(event);
  EXPECT_EQ(moved.node(), "a");
  EXPECT_EQ(moved.stamp(), (Stamp{1000, 7}));
  EXPECT_EQ(moved.line(0), kCwd);
}

TEST(Event, IsLateOnlyIfMarked) {
  Event event("", {});
  EXPECT_FALSE(event.late());
  event.MarkLate();
  EXPECT_TRUE(event.late());
}

}  // namespace
}  // namespace audit
