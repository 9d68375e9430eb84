#include "server/api/predicate_message.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "audit/event.h"

namespace server {
namespace {

using auspex::v1::Predicate;
using testing::HasSubstr;

query::Predicate Read(const std::string& text) {
  Predicate message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  auto predicate = PredicateOf(message);
  EXPECT_TRUE(predicate.ok()) << predicate.status();
  return *std::move(predicate);
}

// Whether an event of web1, at the epoch and one second, meets the condition.
bool IsMet(const std::string& text) {
  constexpr std::string_view kLines[] = {
      "node=web1 type=SYSCALL msg=audit(1.000:7): arch=c000003e syscall=257 success=no exit=-13 "
      "ppid=1 pid=4711 auid=1000 uid=0 gid=100 exe=\"/usr/bin/cat\" key=\"exec\"\x1d"
      "AUID=\"alice\" UID=\"root\"",
      "node=web1 type=PATH msg=audit(1.000:7): item=0 name=\"/etc/shadow\""};
  audit::Event event("web1", {.time_ms = 1000, .serial = 7});
  for (const std::string_view line : kLines) event.Add(line);
  return Read(text).Matches(event);
}

TEST(PredicateMessage, MeansWhatItSays) {
  const struct {
    std::string met;
    std::string not_met;
  } cases[] = {
      {"", "any_of {}"},
      {"all_of { parts { serial: 7 } parts { node: 'web1' } }",
       "all_of { parts { serial: 7 } parts { node: 'web2' } }"},
      {"any_of { parts { serial: 8 } parts { node: 'web1' } }",
       "any_of { parts { serial: 8 } parts { node: 'web2' } }"},
      {"none_of { parts { serial: 8 } }", "none_of { parts { serial: 7 } }"},
      {"time { from_ms: 1000 to_ms: 1000 }", "time { from_ms: 1001 }"},
      {"time { to_ms: 1000 }", "time { to_ms: 999 }"},
      {"record_types { types: 1302 types: 1 }", "record_types { types: 1 }"},
      {"term { field: 'exe' text: '/usr/bin/cat' }", "term { field: 'exe' text: 'cat' }"},
      {"term { field: 'exe' text: 'cat' match: MATCH_CONTAINS }",
       "term { field: 'exe' text: 'dog' match: MATCH_CONTAINS }"},
      {"attribute { attribute: 'pid' text: '4711' }",
       "attribute { attribute: 'ppid' text: '4711' }"},
      {"attribute { attribute: 'file' text: 'shadow' match: MATCH_CONTAINS }",
       "attribute { attribute: 'file' text: 'shadow' }"},
      {"name { attribute: 'auid' name: 'alice' }", "name { attribute: 'uid' name: 'alice' }"},
      {"name { attribute: 'gid' name: 'staff' number: 100 }",
       "name { attribute: 'gid' name: 'staff' number: 101 }"},
      {"success: false", "success: true"},
      {"syscall { number: 257 }", "syscall { number: 2 }"},
      {"syscall { machine: 1 number: 257 }", "syscall { machine: 0 number: 257 }"},
  };
  for (const auto& [met, not_met] : cases) {
    EXPECT_TRUE(IsMet(met)) << met;
    EXPECT_FALSE(IsMet(not_met)) << not_met;
  }
}

std::string Refusal(const Predicate& message) {
  const auto read = PredicateOf(message);
  EXPECT_TRUE(absl::IsInvalidArgument(read.status()));
  return std::string(read.status().message());
}

TEST(PredicateMessage, NamesWhatIsNotDefined) {
  Predicate field;
  field.mutable_term()->set_field("colour");
  EXPECT_EQ(Refusal(field), "predicate: no field \"colour\"");
  Predicate match;
  match.mutable_attribute()->set_attribute("exe");
  match.mutable_attribute()->set_match(static_cast<auspex::v1::Match>(7));
  EXPECT_EQ(Refusal(match), "predicate: match 7 is not defined");
  Predicate name;
  name.mutable_name()->set_attribute("exe");
  EXPECT_EQ(Refusal(name), "predicate: no user or group is the attribute \"exe\"");
  Predicate node;
  node.set_node("");
  EXPECT_EQ(Refusal(node), "predicate: an empty node");
  // A condition that is still to come: field 99 with the number 1.
  Predicate unknown;
  ASSERT_TRUE(unknown.ParseFromString("\x98\x06\x01"));
  EXPECT_EQ(Refusal(unknown), "predicate: a condition that is not defined");
}

TEST(PredicateMessage, HasLimits) {
  Predicate deep;
  for (int i = 0; i <= kPredicateDepthMax; ++i) {
    Predicate around;
    *around.mutable_all_of()->add_parts() = deep;
    deep = around;
  }
  EXPECT_THAT(Refusal(deep), HasSubstr("more than 32 levels"));
  Predicate wide;
  for (int i = 0; i <= kPredicateConditionsMax; ++i) wide.mutable_any_of()->add_parts();
  EXPECT_THAT(Refusal(wide), HasSubstr("more than 10000 conditions"));
}

}  // namespace
}  // namespace server
