#include "api/predicate_message.h"

#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "audit/event.h"
#include "query/ausearch_options.h"

namespace api {
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
      "node=web1 type=PATH msg=audit(1.000:7): item=0 name=\"/etc/shadow\"",
      "node=web1 type=KERNEL_OTHER msg=audit(1.000:7): contid=3f2a nested=b71c"};
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
      {"attribute { attribute: 'container' text: 'b71' match: MATCH_CONTAINS }",
       "attribute { attribute: 'container' text: 'b71' }"},
      {"term { field: 'container' text: '3f2a' }", "term { field: 'container' text: '3f2' }"},
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

// What a predicate says, in one text: two that differ have different texts.
class Describe {
 public:
  static std::string Of(const query::Predicate& predicate) {
    return std::visit(Describe(), predicate.condition());
  }

  std::string operator()(const query::Everything&) const { return "everything"; }
  std::string operator()(const query::SerialIs& is) const { return absl::StrCat("#", is.serial); }
  std::string operator()(const query::TypeIn& in) const {
    return absl::StrCat("type ", absl::StrJoin(in.types, ","));
  }
  std::string operator()(const query::NodeIs& is) const { return "node " + is.node; }
  std::string operator()(const query::HasTerm& term) const {
    return absl::StrCat("term ", static_cast<int>(term.field), static_cast<int>(term.match),
                        term.text);
  }
  std::string operator()(const query::AttributeIs& is) const {
    return absl::StrCat("attribute ", static_cast<int>(is.attribute), static_cast<int>(is.match),
                        is.text);
  }
  std::string operator()(const query::NameIs& is) const {
    return absl::StrCat("name ", static_cast<int>(is.attribute), is.name, "=",
                        is.number ? absl::StrCat(*is.number) : "none");
  }
  std::string operator()(const query::SuccessIs& is) const { return is.success ? "yes" : "no"; }
  std::string operator()(const query::SyscallIs& is) const {
    return absl::StrCat("call ", is.machine ? absl::StrCat(*is.machine) : "any", " ",
                        is.number ? absl::StrCat(*is.number) : "any");
  }
  std::string operator()(const query::TimeIn& in) const {
    return absl::StrCat("time ", in.range.from_ms, "-", in.range.to_ms);
  }
  std::string operator()(const query::AllOf& of) const { return Branch("all", of.parts); }
  std::string operator()(const query::AnyOf& of) const { return Branch("any", of.parts); }
  std::string operator()(const query::NoneOf& of) const { return Branch("none", of.parts); }

 private:
  static std::string Branch(const std::string& name, const std::vector<query::Predicate>& parts) {
    std::vector<std::string> texts;
    for (const query::Predicate& part : parts) texts.push_back(Of(part));
    return absl::StrCat(name, "(", absl::StrJoin(texts, "; "), ")");
  }
};

void ExpectComesBack(const query::Predicate& predicate) {
  Predicate sent;
  ASSERT_TRUE(sent.ParseFromString(MessageOf(predicate).SerializeAsString()));
  const auto read = PredicateOf(sent);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(Describe::Of(*read), Describe::Of(predicate));
}

TEST(PredicateMessage, ComesBackWhateverAnOptionAsksFor) {
  const std::vector<std::string_view> lines[] = {
      {"-i"},
      {"-a", "7", "-m", "SYSCALL,1112", "-m", "CWD", "-n", "web1", "-n", "web2"},
      {"-k", "key", "-x", "/bin/cat", "-c", "cat", "-w"},
      {"-k", "a\xff b", "-hn", "?", "-tm", "(none)"},
      {"-f", "etc", "-o", "etc", "-su", "s", "-uu", "u", "-vm", "v"},
      {"--container", "3f2a", "-w"},
      {"-se", "unconfined", "-sv", "no"},
      {"-sv", "yes", "--arch", "i386", "-sc", "open"},
      {"-sc", "execve", "-p", "1", "-pp", "2", "--session", "-1", "-e", "EACCES"},
      {"--arch", "x86_64"},
      {"-ui", "root", "-gi", "7", "-ge", "alice", "-ue", "alice", "-ul", "-1"},
      {"-ua", "bob", "--local-names"},
      {"-ga", "root"},
      {"-ua", "1000", "-ts", "today"},
      {"-ts", "01/01/24", "10:00:00", "-te", "01/02/24", "10:00:00"},
      {"-te", "now"},
  };
  const auto number = [](const std::string&) { return std::optional<uint32_t>(4711); };
  for (const auto& line : lines) {
    const auto options = query::ParseAusearchOptions(
        line,
        {.time = {.now_s = 1'700'000'000, .boot_s = 1'699'000'000, .zone = absl::UTCTimeZone()},
         .user_number = number,
         .group_number = number});
    ASSERT_TRUE(options.ok()) << options.status();
    ExpectComesBack(options->predicate());
  }
}

// A tree of every kind of condition, whose numbers and texts are drawn.
query::Predicate Drawn(std::mt19937& random, int depth) {
  const auto number = [&] { return static_cast<uint32_t>(random() >> (random() % 32)); };
  const auto text = [&] {
    std::string drawn;
    for (auto i = random() % 5; i > 0; --i) drawn += static_cast<char>(random());
    return drawn;
  };
  const auto match = [&] {
    return random() % 2 == 0 ? query::TermMatch::kIs : query::TermMatch::kContains;
  };
  const auto parts = [&] {
    std::vector<query::Predicate> drawn;
    for (auto i = random() % 4; i > 0; --i) drawn.push_back(Drawn(random, depth - 1));
    return drawn;
  };
  switch (random() % (depth > 0 ? 13 : 10)) {
    case 0:
      return query::Predicate(query::SerialIs{number()});
    case 1:
      return query::Predicate(query::TypeIn{std::vector<uint32_t>(random() % 4, number())});
    case 2:
      return query::Predicate(query::NodeIs{"n" + text()});
    case 3: {
      const auto fields = query::TermFields();
      return query::Predicate(query::HasTerm{fields[random() % fields.size()], text(), match()});
    }
    case 4: {
      const auto attribute = static_cast<query::Attribute>(
          random() % (static_cast<int>(query::Attribute::kContainer) + 1));
      return query::Predicate(query::AttributeIs{attribute, text(), match()});
    }
    case 5: {
      query::NameIs name{.attribute = query::Attribute::kAuid, .name = text()};
      if (random() % 2 == 0) name.number = number();
      return query::Predicate(std::move(name));
    }
    case 6:
      return query::Predicate(query::SuccessIs{random() % 2 == 0});
    case 7: {
      query::SyscallIs call;
      if (random() % 2 == 0) call.machine = static_cast<int>(random() % 30);
      if (random() % 2 == 0) call.number = number();
      return query::Predicate(call);
    }
    case 8: {
      query::TimeRange range;
      if (random() % 2 == 0) range.from_ms = number();
      if (random() % 2 == 0) range.to_ms = number();
      return query::Predicate(query::TimeIn{range});
    }
    case 9:
      return query::Predicate();
    case 10:
      return query::Predicate(query::AllOf{parts()});
    case 11:
      return query::Predicate(query::AnyOf{parts()});
    default:
      return query::Predicate(query::NoneOf{parts()});
  }
}

TEST(PredicateMessage, ComesBackWhateverItIs) {
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) ExpectComesBack(Drawn(random, 4));
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
}  // namespace api
