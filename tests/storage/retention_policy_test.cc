#include "absl/strings/str_format.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/retention.h"

namespace storage {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::StartsWith;

std::string WrongIn(const std::string& text) {
  const auto policy = ParseRetentionPolicy(text, "p.conf");
  EXPECT_TRUE(absl::IsInvalidArgument(policy.status())) << text;
  return std::string(policy.status().message());
}

TEST(RetentionPolicy, ReadsRules) {
  const auto policy = ParseRetentionPolicy(
      "# What we keep.\n"
      "rule pci    host=pay*,db* key=pci                 keep 2555d\n"
      "\n"
      "rule noise  type=CRYPTO_KEY_USER,CRYPTO_SESSION   keep 7d  # Nobody reads it.\r\n"
      "rule web\thost=web* keep 90d at-most 200G\n"
      "rule legal  host=legal* keep forever\n"
      "default keep 365d at-most 2T",
      "p.conf");
  ASSERT_TRUE(policy.ok()) << policy.status();
  EXPECT_THAT(
      policy->rules,
      ElementsAre(
          RetentionRule{
              .name = "pci", .host_patterns = {"pay*", "db*"}, .keys = {"pci"}, .days_max = 2555},
          RetentionRule{
              .name = "noise", .types = {"CRYPTO_KEY_USER", "CRYPTO_SESSION"}, .days_max = 7},
          RetentionRule{.name = "web",
                        .host_patterns = {"web*"},
                        .days_max = 90,
                        .bytes_max = uint64_t{200} << 30},
          RetentionRule{.name = "legal", .host_patterns = {"legal*"}},
          RetentionRule{.name = "default", .days_max = 365, .bytes_max = uint64_t{2} << 40}));
}

TEST(RetentionPolicy, PrintsRulesAsTheyAreRead) {
  for (const std::string line :
       {"rule pci host=pay*,db* key=pci type=CWD,PATH keep 2555d", "rule a keep forever",
        "rule web host=web* keep 90d at-most 200G", "rule k keep 1d at-most 1025K",
        "default keep 365d at-most 2048T"}) {
    const auto policy = ParseRetentionPolicy(line, "p.conf");
    ASSERT_TRUE(policy.ok()) << policy.status();
    EXPECT_EQ(ToText(policy->rules.at(0)), line);
  }
}

TEST(RetentionPolicy, KeepsEverythingIfItSaysNothing) {
  EXPECT_EQ(ParseRetentionPolicy("", "p.conf")->rules.size(), 0u);
  EXPECT_EQ(ParseRetentionPolicy("# nothing\n\n", "p.conf")->rules.size(), 0u);
}

TEST(RetentionPolicy, NamesWhatIsWrong) {
  const struct {
    std::string text;
    std::string message;
  } cases[] = {
      {"retain 7d", "p.conf:1: unknown word \"retain\"; allowed: rule, default"},
      {"rule", "p.conf:1: a rule needs a name"},
      {"rule keep 7d", "p.conf:1: a rule needs a name"},
      {"rule a", "p.conf:1: \"keep\" is missing; wanted: keep DAYSd, or keep forever"},
      {"rule a/b keep 7d",
       "p.conf:1: bad name \"a/b\"; allowed: up to 64 letters, digits, \"-\", \"_\" and \".\""},
      {"rule rotate keep 7d", "p.conf:1: the name \"rotate\" has a meaning of its own"},
      {"rule default keep 7d", "p.conf:1: the name \"default\" has a meaning of its own"},
      {"rule a keep 7d\nrule a keep 8d", "p.conf:2: the name \"a\" is taken (line 1)"},
      {"rule a hosts=x keep 7d",
       "p.conf:1: unknown word \"hosts=x\"; allowed: host=PATTERN,..., key=KEY,..., "
       "type=TYPE,..., keep"},
      {"rule a host keep 7d",
       "p.conf:1: unknown word \"host\"; allowed: host=PATTERN,..., key=KEY,..., type=TYPE,..., "
       "keep"},
      {"rule a host= keep 7d", "p.conf:1: an empty word in \"host\""},
      {"rule a key=x,,y keep 7d", "p.conf:1: an empty word in \"key\""},
      {"rule a key=x key=y keep 7d", "p.conf:1: \"key\" stands twice"},
      {"rule a type=CRYPTO keep 7d",
       "p.conf:1: there is no record type \"CRYPTO\"; see \"ausearch -m\""},
      {"rule a keep", "p.conf:1: \"keep\" of how long? Wanted: DAYSd, or forever"},
      {"rule a keep 7", "p.conf:1: bad age \"7\"; allowed: 1d to 36500d, forever"},
      {"rule a keep 0d", "p.conf:1: bad age \"0d\"; allowed: 1d to 36500d, forever"},
      {"rule a keep d", "p.conf:1: bad age \"d\"; allowed: 1d to 36500d, forever"},
      {"rule a keep -7d", "p.conf:1: bad age \"-7d\"; allowed: 1d to 36500d, forever"},
      {"rule a keep 36501d", "p.conf:1: bad age \"36501d\"; allowed: 1d to 36500d, forever"},
      {"rule a keep 7w", "p.conf:1: bad age \"7w\"; allowed: 1d to 36500d, forever"},
      {"rule a keep 7d atmost 1G", "p.conf:1: unknown word \"atmost\"; allowed: at-most SIZE"},
      {"rule a keep 7d at-most",
       "p.conf:1: \"at-most\" of how much? Wanted: a number and K, M, G or T"},
      {"rule a keep 7d at-most 5", "p.conf:1: bad size \"5\"; allowed: a number and K, M, G or T"},
      {"rule a keep 7d at-most 0G",
       "p.conf:1: bad size \"0G\"; allowed: a number and K, M, G or T"},
      {"rule a keep 7d at-most 99999999T",
       "p.conf:1: bad size \"99999999T\"; allowed: a number and K, M, G or T"},
      {"rule a keep 7d at-most 1G more", "p.conf:1: unknown word \"more\" behind the size"},
      {"rule a key=x keep 7d at-most 1G",
       "p.conf:1: \"at-most\" is for rules without key and type only: what their events take on "
       "the disk cannot be told without reading all of them"},
      {"default keep 7d\nrule a keep 7d", "p.conf:2: nothing may follow \"default\" (line 1)"},
      {"default host=x keep 7d",
       "p.conf:1: unknown word \"host=x\"; wanted: keep DAYSd, or keep forever"},
      {"\x01\xff", "p.conf:1: unknown word \"\\x01\\xff\"; allowed: rule, default"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(WrongIn(text), message) << text;
}

TEST(RetentionPolicy, TellsEverythingThatIsWrongTogether) {
  EXPECT_EQ(WrongIn("rule a keep 7\n\nrule b keeps 7d\nrule c key=x keep 8d\n"),
            "p.conf:1: bad age \"7\"; allowed: 1d to 36500d, forever\n"
            "p.conf:3: unknown word \"keeps\"; allowed: host=PATTERN,..., key=KEY,..., "
            "type=TYPE,..., keep\n"
            "p.conf:3: unknown word \"7d\"; allowed: host=PATTERN,..., key=KEY,..., type=TYPE,..., "
            "keep\n"
            "p.conf:3: \"keep\" is missing; wanted: keep DAYSd, or keep forever");
}

TEST(RetentionPolicy, IsLimited) {
  std::string rules;
  for (size_t i = 0; i <= kPolicyRulesMax; ++i) rules += absl::StrFormat("rule r%d keep 7d\n", i);
  EXPECT_EQ(WrongIn(rules), "p.conf:257: more than 256 rules");
  std::string words = "rule a host=x";
  for (size_t i = 0; i < kPolicyWordsMax; ++i) words += ",x";
  EXPECT_EQ(WrongIn(words + " keep 7d"), "p.conf:1: more than 256 words in \"host\"");
  EXPECT_EQ(WrongIn("rule a key=" + std::string(256, 'x') + " keep 7d"),
            "p.conf:1: a word of more than 255 bytes in \"key\"");
  EXPECT_EQ(WrongIn(std::string(kPolicyBytesMax + 1, ' ')), "p.conf: more than 1048576 bytes");
  std::string garbage;
  for (int i = 0; i < 1000; ++i) garbage += "x\n";
  EXPECT_THAT(WrongIn(garbage), EndsWith("p.conf:100: unknown word \"x\"; allowed: rule, default"));
}

// Any bytes are read or refused.
TEST(RetentionPolicy, SurvivesTruncation) {
  const std::string text =
      "rule web host=web* key=a,b type=CWD keep 90d\ndefault keep 1d at-most 2T";
  for (size_t length = 0; length < text.size(); ++length) {
    const auto policy = ParseRetentionPolicy(text.substr(0, length), "p.conf");
    if (policy.ok()) continue;
    EXPECT_THAT(std::string(policy.status().message()), StartsWith("p.conf:"));
  }
}

}  // namespace
}  // namespace storage
