#include "api/predicate_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "query/ausearch_options.h"

namespace api {
namespace {

using auspex::v1::Predicate;
using testing::HasSubstr;

// What the options of ausearch make. Each condition that there is stands in one of them.
TEST(PredicateMessage, ComesBackAsItWas) {
  const query::AusearchContext context{.time = {.now_s = 1'769'853'600, .boot_s = 1'769'000'000}};
  const std::vector<std::vector<std::string_view>> cases = {
      {"-k", "exec", "-x", "/usr/bin/passwd", "-w"},
      {"-a", "4711", "-m", "SYSCALL,PATH"},
      {"-n", "web1", "-ts", "boot"},
      {"-te", "now", "-sv", "no"},
      {"--arch", "x86_64", "-sc", "openat", "-sv", "yes"},
      {"-ui", "root", "-ga", "0", "-p", "1"},
      {"-ua", "1000", "-se", "unconfined", "-f", "/etc"},
  };
  for (const auto& arguments : cases) {
    const auto options = query::ParseAusearchOptions(arguments, context);
    ASSERT_TRUE(options.ok()) << options.status();
    const Predicate message = MessageOf(options->predicate());
    const auto predicate = PredicateOf(message);
    ASSERT_TRUE(predicate.ok()) << predicate.status();
    EXPECT_EQ(MessageOf(*predicate).DebugString(), message.DebugString());
  }
}

TEST(PredicateMessage, IsEmptyForEverything) {
  EXPECT_EQ(MessageOf(query::Predicate()).ByteSizeLong(), 0u);
  const auto predicate = PredicateOf(Predicate());
  ASSERT_TRUE(predicate.ok()) << predicate.status();
  EXPECT_TRUE(std::holds_alternative<query::Everything>(predicate->condition()));
}

TEST(PredicateMessage, OfATermComesBackAsItWas) {
  const query::Predicate term(query::HasTerm{query::TermField::kExe, std::string("/bin/\xff\0", 7),
                                             query::TermMatch::kContains});
  const auto read = PredicateOf(MessageOf(term));
  ASSERT_TRUE(read.ok()) << read.status();
  const auto& has_term = std::get<query::HasTerm>(read->condition());
  EXPECT_EQ(has_term.field, query::TermField::kExe);
  EXPECT_EQ(has_term.text, std::string("/bin/\xff\0", 7));
  EXPECT_EQ(has_term.match, query::TermMatch::kContains);
}

TEST(PredicateMessage, NamesEveryAttribute) {
  for (int i = 0; i <= static_cast<int>(query::Attribute::kVm); ++i) {
    const auto attribute = static_cast<query::Attribute>(i);
    EXPECT_EQ(query::ParseAttribute(query::AttributeName(attribute)), attribute);
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
}  // namespace api
