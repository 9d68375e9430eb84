#include "query/predicate.h"

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

#include "audit/event.h"
#include "audit/record.h"

namespace query {
namespace {

audit::Event MakeEvent(std::initializer_list<std::string_view> lines) {
  const audit::Record first = *audit::ParseRecord(*lines.begin());
  audit::Event event(first.node, first.stamp);
  for (const std::string_view line : lines) event.Add(line);
  return event;
}

// At 1600000000100 ms, serial 5, with the keys "setuid-root" and "exec".
audit::Event Exec() {
  return MakeEvent({
      "node=web1 type=SYSCALL msg=audit(1600000000.100:5): syscall=59 comm=\"key=comm\" "
      "key=7365747569642D726F6F740165786563",
      "node=web1 type=PATH msg=audit(1600000000.100:5): name=\"/bin/ls\"",
      "node=web1 type=UNKNOWN[1420] msg=audit(1600000000.100:5): x=1",
  });
}

Predicate Between(uint64_t from_ms, uint64_t to_ms) {
  return Predicate(TimeIn{{.from_ms = from_ms, .to_ms = to_ms}});
}

Predicate Serial(uint32_t serial) { return Predicate(SerialIs{serial}); }
Predicate Types(std::vector<uint32_t> types) { return Predicate(TypeIn{std::move(types)}); }
Predicate Key(std::string_view text) {
  return Predicate(AttributeIs{Attribute::kKey, std::string(text), TermMatch::kContains});
}
Predicate Node(std::string_view node) { return Predicate(NodeIs{std::string(node)}); }
Predicate Term(TermField field, std::string_view text, TermMatch match = TermMatch::kIs) {
  return Predicate(HasTerm{field, std::string(text), match});
}
Predicate All(std::vector<Predicate> parts) { return Predicate(AllOf{std::move(parts)}); }
Predicate Any(std::vector<Predicate> parts) { return Predicate(AnyOf{std::move(parts)}); }
Predicate None(std::vector<Predicate> parts) { return Predicate(NoneOf{std::move(parts)}); }

constexpr uint64_t kTime = 1600000000100;

TEST(Predicate, MatchesWhatIsTrueOfTheEvent) {
  const Predicate cases[] = {
      Predicate(),
      Serial(5),
      Types({1300}),
      Types({1, 1302}),
      Types({1420}),
      Key("exec"),
      Key("setuid-root"),
      Key("uid-r"),
      Key(""),
      Node("web1"),
      Term(TermField::kFile, "/bin/ls"),
      Term(TermField::kFile, "bin", TermMatch::kContains),
      Term(TermField::kType, "UNKNOWN[1420]"),
      Between(kTime, kTime),
      Between(0, kTime),
      Between(kTime, kTime + 1),
      All({}),
      All({Serial(5), Key("exec")}),
      Any({Serial(6), Key("exec")}),
      None({}),
      None({Serial(6), Key("no")}),
      None({None({Serial(5)})}),
  };
  for (const Predicate& predicate : cases) {
    EXPECT_TRUE(predicate.Matches(Exec())) << "case " << &predicate - cases;
  }
}

TEST(Predicate, DoesNotMatchWhatIsFalse) {
  const Predicate cases[] = {
      Serial(6),
      Types({}),
      Types({1309, 1421}),
      Key("comm"),
      Key("Exec"),
      Key("root\x01"
          "exec"),
      Node(""),
      Node("web"),
      Node("WEB1"),
      Term(TermField::kFile, "bin"),
      Term(TermField::kFile, "BIN", TermMatch::kContains),
      Term(TermField::kExe, "/bin/ls"),
      Between(0, kTime - 1),
      Between(kTime + 1, kTime + 2),
      Between(kTime + 1, kTime - 1),
      All({Serial(5), Key("no")}),
      Any({}),
      Any({Serial(6), Key("no")}),
      None({Serial(6), Key("exec")}),
      None({Predicate()}),
  };
  for (const Predicate& predicate : cases) {
    EXPECT_FALSE(predicate.Matches(Exec())) << "case " << &predicate - cases;
  }
}

TEST(Predicate, TakesAnAbsentKeyForNoKey) {
  const audit::Event event =
      MakeEvent({"type=SYSCALL msg=audit(1.000:1): comm=\"a\" exe=\"/a\" key=(null)"});
  EXPECT_FALSE(Key("null").Matches(event));
  EXPECT_FALSE(Key("").Matches(event));
}

TEST(Predicate, TellsTheTimeThatAnyMatchLiesIn) {
  const TimeRange all_time;
  const struct {
    Predicate predicate;
    TimeRange bounds;
  } cases[] = {
      {Predicate(), all_time},
      {Key("exec"), all_time},
      {Term(TermField::kKey, "exec"), all_time},
      {Between(10, 20), {10, 20}},
      {All({}), all_time},
      {All({Between(10, 20), Key("exec")}), {10, 20}},
      {All({Between(10, 20), Between(15, 30)}), {15, 20}},
      {Any({Between(10, 20), Between(40, 50)}), {10, 50}},
      {Any({Between(10, 20), Between(50, 40)}), {10, 20}},
      {Any({Between(50, 40), Between(10, 20)}), {10, 20}},
      {Any({Between(10, 20), Key("exec")}), all_time},
      {All({Any({Between(10, 20), Between(40, 50)}), Between(15, 100)}), {15, 50}},
      {None({Between(10, 20)}), all_time},
      {All({None({Between(10, 20)}), Between(15, 30)}), {15, 30}},
  };
  for (const auto& [predicate, bounds] : cases) {
    EXPECT_EQ(predicate.time_bounds().from_ms, bounds.from_ms);
    EXPECT_EQ(predicate.time_bounds().to_ms, bounds.to_ms);
  }
}

TEST(Predicate, HasEmptyBoundsWhereNothingCanMatch) {
  EXPECT_TRUE(Any({}).time_bounds().empty());
  EXPECT_TRUE(All({Between(10, 20), Between(30, 40)}).time_bounds().empty());
  EXPECT_FALSE(Between(10, 10).time_bounds().empty());
}

TEST(Predicate, ShowsItsConditionToAPlanner) {
  const Predicate predicate = All({Serial(5), Key("exec")});
  const AllOf& all = std::get<AllOf>(predicate.condition());
  ASSERT_EQ(all.parts.size(), 2u);
  EXPECT_EQ(std::get<SerialIs>(all.parts[0].condition()).serial, 5u);
  EXPECT_EQ(std::get<AttributeIs>(all.parts[1].condition()).text, "exec");
}

}  // namespace
}  // namespace query
