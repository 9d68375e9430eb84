#include "api/event_message.h"

#include <gtest/gtest.h>

namespace api {
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

TEST(EventMessage, ComesBackAsItWas) {
  const std::string_view lines[] = {
      "node=web1 type=SYSCALL msg=audit(1.023:7): arch=c000003e key=\"a\"\x1d"
      "AUID=\"alice\"",
      "node=web1 type=CWD msg=audit(1.023:7): cwd=\"/\xff\"",
      "node=web1 type=EOE msg=audit(1.023:7):"};
  audit::Event event("web1", {.time_ms = 1023, .serial = 7});
  for (const std::string_view line : lines) event.Add(line);
  const storage::Identity host{.kind = storage::IdentityKind::kCertificate, .name = "web"};
  auspex::v1::Event message;
  Fill({.host = host,
        .address = "10.0.0.1",
        .received_ms = 5,
        .event = event,
        .pending = true,
        .cursor = {}},
       &message);
  EXPECT_EQ(IdentityKindOf(message.identity()), host.kind);
  const auto read = EventOf(message);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->node(), event.node());
  EXPECT_EQ(read->stamp(), event.stamp());
  ASSERT_EQ(read->record_count(), event.record_count());
  for (size_t i = 0; i < event.record_count(); ++i) EXPECT_EQ(read->line(i), event.line(i));
}

TEST(EventMessage, IsRefusedIfItIsNoEvent) {
  auspex::v1::Event message;
  EXPECT_EQ(EventOf(message).status().message(), "event: no records");
  message.add_records("type=CWD msg=audit(1.000:7): cwd=\"/\"");
  EXPECT_TRUE(EventOf(message).ok());
  message.add_records("type=CWD msg=audit(1.000:8): cwd=\"/\"");
  EXPECT_EQ(EventOf(message).status().message(), "event: a record of another event");
  *message.mutable_records(1) = "garbage";
  EXPECT_EQ(EventOf(message).status().message(), "event: a malformed record");
}

}  // namespace
}  // namespace api
