#include "query/event_json.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "audit/record.h"

namespace query {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string Json(const std::string& body, const EventOrigin& origin = {}) {
  const std::string line = "node=web1 type=SYSCALL msg=audit(1600000000.100:5): " + body;
  const audit::Record record = *audit::ParseRecord(line);
  audit::Event event(record.node, record.stamp);
  event.Add(line);
  std::string text;
  AppendJson(event, origin, &text);
  return text;
}

TEST(EventJson, IsOneLine) {
  EXPECT_EQ(Json("pid=7"),
            "{\"time\":\"2020-09-13T12:26:40.100Z\",\"serial\":5,\"node\":\"web1\",\"records\":[{"
            "\"type\":\"SYSCALL\",\"fields\":{\"pid\":7},\"raw\":\"node=web1 type=SYSCALL "
            "msg=audit(1600000000.100:5): pid=7\"}]}\n");
}

TEST(EventJson, SaysHowTheEventCame) {
  const std::string json = Json(
      "pid=7",
      {.host = "web1", .identity = "node", .address = "10.0.0.1", .received_ms = 1600000001000});
  EXPECT_THAT(json, HasSubstr("\"host\":\"web1\",\"identity\":\"node\",\"address\":\"10.0.0.1\","
                              "\"received\":\"2020-09-13T12:26:41.000Z\""));
}

TEST(EventJson, HasTypedValues) {
  const std::string json = Json(
      "exit=-13 a0=4 pid=007 inode=99999999999999999999 comm=6C7320 exe=\"/bin/ls\" tty=(none)");
  EXPECT_THAT(json, HasSubstr("\"exit\":-13,\"a0\":\"4\",\"pid\":\"007\","
                              "\"inode\":\"99999999999999999999\",\"comm\":\"ls \","
                              "\"exe\":\"/bin/ls\",\"tty\":null"));
}

TEST(EventJson, KeepsEachFieldInItsPlace) {
  const std::string json = Json("user pid=1 msg='op=x pid=2' \x1dUID=\"root\"");
  EXPECT_THAT(json, HasSubstr("\"fields\":{\"\":[\"user\"],\"pid\":1},"
                              "\"message\":{\"op\":\"x\",\"pid\":2},"
                              "\"enriched\":{\"UID\":\"root\"}"));
}

TEST(EventJson, GathersWhatComesMoreThanOnce) {
  EXPECT_THAT(Json("pid=(null) pid=2 pid=\"x\""), HasSubstr("\"pid\":[null,2,\"x\"]"));
  EXPECT_THAT(Json("key=6101620A"), HasSubstr("\"keys\":[\"a\",\"b\\n\"]"));
}

TEST(EventJson, StaysValidWhateverTheBytes) {
  const std::string json = Json("comm=FF00 x=\xff");
  EXPECT_THAT(json, HasSubstr("\"comm\":\"\xef\xbf\xbd\\u0000\""));
  EXPECT_THAT(json, HasSubstr("\"raw_base64\":\"bm9kZT13ZWIxIHR5"));
  EXPECT_THAT(Json("x=\xef\xbf\xbd\xc3\xa4"), Not(HasSubstr("raw_base64")));
}

}  // namespace
}  // namespace query
