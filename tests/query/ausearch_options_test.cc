#include "query/ausearch_options.h"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace query {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

constexpr int64_t kNow = 1795360539;  // 2026-11-22 15:15:39 in UTC.

AusearchContext Context() {
  const auto number = [](const std::string& name) {
    return name == "ann" ? std::optional<uint32_t>(1000) : std::nullopt;
  };
  return {.time = {.now_s = kNow, .boot_s = kNow - 1000, .zone = absl::FixedTimeZone(3600)},
          .user_number = number,
          .group_number = number};
}

AusearchOptions Parse(const std::vector<std::string_view>& arguments) {
  const absl::StatusOr<AusearchOptions> options = ParseAusearchOptions(arguments, Context());
  EXPECT_TRUE(options.ok()) << options.status();
  return options.ok() ? *options : AusearchOptions{};
}

std::string Refusal(const std::vector<std::string_view>& arguments) {
  const absl::StatusOr<AusearchOptions> options = ParseAusearchOptions(arguments, Context());
  return options.ok() ? "accepted" : std::string(options.status().message());
}

TEST(AusearchOptions, SearchEverythingUnlessTold) {
  const AusearchOptions options = Parse({"--store", "/var/lib/auspex"});
  EXPECT_EQ(options.store, "/var/lib/auspex");
  EXPECT_THAT(options.host_globs, IsEmpty());
  EXPECT_EQ(options.format, EventFormat::kDefault);
  EXPECT_EQ(options.time, TimeRange{});
  EXPECT_FALSE(options.just_one || options.malformed || options.utc || options.help);
  EXPECT_THAT(std::get<AllOf>(options.predicate().condition()).parts, IsEmpty());
}

TEST(AusearchOptions, HaveShortAndLongNames) {
  const AusearchOptions both[] = {
      Parse({"-a", "7", "-m", "CWD", "-k", "x", "-n", "web1", "-ts", "now", "-te", "now", "-r"}),
      Parse({"--event", "7", "--message", "CWD", "--key", "x", "--node", "web1", "--start", "now",
             "--end", "now", "--raw"}),
  };
  for (const AusearchOptions& options : both) {
    EXPECT_EQ(options.serial, 7u);
    EXPECT_THAT(options.types, ElementsAre(1307));
    EXPECT_EQ(options.attributes.at(Attribute::kKey), "x");
    EXPECT_THAT(options.nodes, ElementsAre("web1"));
    EXPECT_EQ(options.time, (TimeRange{kNow * 1000, kNow * 1000 + 999}));
    EXPECT_EQ(options.format, EventFormat::kRaw);
  }
}

TEST(AusearchOptions, OfOursAreRead) {
  const AusearchOptions options =
      Parse({"--host", "web*", "--malformed", "--just-one", "--host", "db?", "--store", "s"});
  EXPECT_THAT(options.host_globs, ElementsAre("web*", "db?"));
  EXPECT_TRUE(options.malformed);
  EXPECT_TRUE(options.just_one);
}

TEST(AusearchOptions, CanBeRepeated) {
  EXPECT_EQ(Parse({"-k", "a", "-k", "b"}).attributes.at(Attribute::kKey), "b");
  EXPECT_EQ(Parse({"-a", "1", "-a", "2"}).serial, 2u);
  EXPECT_THAT(Parse({"-n", "a", "-n", "b"}).nodes, ElementsAre("a", "b"));
  EXPECT_THAT(Parse({"-m", "CWD", "-m", "PATH"}).types, ElementsAre(1307, 1302));
}

TEST(AusearchOptions, NameTypesInEachWay) {
  const struct {
    std::string_view list;
    std::vector<uint32_t> types;
  } cases[] = {
      {"ALL", {}},
      {"all", {}},
      {",", {}},
      {"SYSCALL", {1300}},
      {"syscall", {1300}},
      {"1300", {1300}},
      {"CWD,1302,", {1307, 1302}},
      {"UNKNOWN[1420]", {1420}},
      {"9999", {9999}},
  };
  for (const auto& [list, types] : cases) EXPECT_EQ(Parse({"-m", list}).types, types) << list;
  EXPECT_THAT(Parse({"-m", "CWD", "-m", "ALL"}).types, ElementsAre(1307));
}

TEST(AusearchOptions, TakeOneOrTwoWordsForATime) {
  EXPECT_EQ(Parse({"-ts", "11/20/26", "-r"}).time.from_ms, 1795129200000u);
  EXPECT_EQ(Parse({"-ts", "11/20/26", "01:00:00", "-r"}).time.from_ms, 1795132800000u);
  EXPECT_EQ(Parse({"-te", "11/20/26", "01:00:00"}).time.to_ms, 1795132800999u);
}

TEST(AusearchOptions, ReadTimesInUtcWhereverTheOptionStands) {
  for (const std::vector<std::string_view>& arguments :
       {std::vector<std::string_view>{"--utc", "-ts", "11/20/26"},
        std::vector<std::string_view>{"-ts", "11/20/26", "--utc"}}) {
    const AusearchOptions options = Parse(arguments);
    EXPECT_TRUE(options.utc);
    EXPECT_EQ(options.time.from_ms, 1795132800000u);
  }
}

TEST(AusearchOptions, AreRefusedInTheWordsOfAusearch) {
  const struct {
    std::vector<std::string_view> arguments;
    std::string_view message;
  } cases[] = {
      {{"-zz"}, "-zz is an unsupported option"},
      {{"foo"}, "foo is an unsupported option"},
      {{""}, " is an unsupported option"},
      {{"--just-one", "foo"}, "foo is an unsupported option"},
      {{"-a", "1", "2"}, "2 is an unsupported option"},
      {{"-a"}, "Argument is required for -a"},
      {{"--event", "-r"}, "Argument is required for --event"},
      {{"-a", "-1"}, "Argument is required for -a"},
      {{"-a", ""}, "Audit event id must be a numeric value, was "},
      {{"-a", "x"}, "Audit event id must be a numeric value, was x"},
      {{"-a", "4294967296"}, "Illegal value for audit event ID"},
      {{"-a", "12abc"}, "Illegal value for audit event ID"},
      {{"-k"}, "Argument is required for -k"},
      {{"-n", "--utc"}, "Argument is required for -n"},
      {{"--store"}, "Argument is required for --store"},
      {{"--host"}, "Argument is required for --host"},
      {{"-r", "foo"}, "Argument is NOT required for --raw"},
      {{"-r", "--raw"}, "Conflicting output format --raw"},
      {{"-ts"}, "-ts requires either date and/or time"},
      {{"--end", "-r"}, "--end requires either date and/or time"},
      {{"-ts", "foo"}, "Invalid start date (foo). Month, Day, and Year are required."},
      {{"-te", "today", "foo"}, "Invalid end time (foo). Hour, Minute, and Second are required."},
  };
  for (const auto& [arguments, message] : cases) EXPECT_EQ(Refusal(arguments), message);
}

// The attribute of the one condition that they become, and its text.
std::pair<Attribute, std::string> Only(const std::vector<std::string_view>& arguments) {
  const AusearchOptions options = Parse(arguments);
  EXPECT_EQ(options.attributes.size(), 1u) << arguments[0];
  if (options.attributes.empty()) return {};
  return *options.attributes.begin();
}

TEST(AusearchOptions, AskForAttributes) {
  const struct {
    std::vector<std::string_view> arguments;
    Attribute attribute;
    std::string_view text;
  } cases[] = {
      {{"-c", "ls"}, Attribute::kComm, "ls"},
      {{"-e", "-13"}, Attribute::kExit, "-13"},
      {{"--exit", "EACCES"}, Attribute::kExit, "13"},
      {{"-e", "-EACCES"}, Attribute::kExit, "-13"},
      {{"-e", "0x10"}, Attribute::kExit, "16"},
      {{"-f", "/etc"}, Attribute::kFile, "/etc"},
      {{"-ge", "5"}, Attribute::kEgid, "5"},
      {{"--gid", "5"}, Attribute::kGid, "5"},
      {{"-hn", "10.0.0.1"}, Attribute::kHost, "10.0.0.1"},
      {{"-o", "etc_t"}, Attribute::kObject, "etc_t"},
      {{"-p", "1"}, Attribute::kPid, "1"},
      {{"-pp", "1"}, Attribute::kPpid, "1"},
      {{"--session", "-1"}, Attribute::kSession, "4294967295"},
      {{"-su", "init_t"}, Attribute::kSubject, "init_t"},
      {{"-tm", "pts/0"}, Attribute::kTerminal, "pts/0"},
      {{"-ue", "0"}, Attribute::kEuid, "0"},
      {{"-ui", "-1"}, Attribute::kUid, "4294967295"},
      {{"-ul", "-1"}, Attribute::kAuid, "4294967295"},
      {{"-uu", "u"}, Attribute::kUuid, "u"},
      {{"-vm", "v"}, Attribute::kVm, "v"},
      {{"--container", "3f2a"}, Attribute::kContainer, "3f2a"},
      {{"-x", "/bin/ls"}, Attribute::kExe, "/bin/ls"},
  };
  for (const auto& [arguments, attribute, text] : cases) {
    EXPECT_EQ(Only(arguments), std::pair(attribute, std::string(text))) << arguments[0];
  }
}

TEST(AusearchOptions, KnowNamesOfThisMachineOnlyIfTheyAreAskedFor) {
  EXPECT_EQ(Parse({"-ui", "ann"}).names.at(Attribute::kUid).number, std::nullopt);
  EXPECT_EQ(Parse({"-ui", "ann", "--local-names"}).names.at(Attribute::kUid).number, 1000u);
  EXPECT_EQ(Parse({"-ui", "bob"}).names.at(Attribute::kUid).name, "bob");
  EXPECT_EQ(Refusal({"--local-names", "-ul", "bob"}),
            "Login user ID is non-numeric and unknown (bob)");
  EXPECT_EQ(Parse({"-ua", "ann"}).names.size(), 3u);
  EXPECT_EQ(Parse({"-ga", "ann"}).names.size(), 2u);
  const AusearchOptions later = Parse({"-ui", "ann", "-ui", "7"});
  EXPECT_THAT(later.names, IsEmpty());
  EXPECT_EQ(later.attributes.at(Attribute::kUid), "7");
}

TEST(AusearchOptions, NameSystemCallsOfAMachine) {
  EXPECT_EQ(Parse({"-sc", "257"}).syscall.machine, std::nullopt);
  EXPECT_EQ(Parse({"--arch", "x86_64", "-sc", "openat"}).syscall.number, 257u);
  EXPECT_EQ(Parse({"--arch", "i386", "-sc", "openat"}).syscall.number, 295u);
  EXPECT_EQ(Refusal({"--arch", "x86_64", "-sc", "openat", "--arch", "i386"}),
            "Arch needs to be defined before the syscall");
  EXPECT_EQ(Refusal({"--arch", "x86_64", "--arch", "i386"}), "Arch is already defined");
  EXPECT_EQ(Refusal({"-sc", "nosuch"}), "Syscall nosuch not found");
}

TEST(AusearchOptions, ChooseOneFormat) {
  EXPECT_EQ(Parse({"-i"}).format, EventFormat::kInterpret);
  EXPECT_EQ(Parse({"--format", "interpret"}).format, EventFormat::kInterpret);
  EXPECT_EQ(Parse({"--format", "json"}).format, EventFormat::kJson);
  EXPECT_EQ(Refusal({"-i", "--format", "csv"}), "Multiple output formats, use only 1");
  EXPECT_EQ(Refusal({"--format", "csv", "-i"}), "Conflicting output format -i");
  EXPECT_EQ(Refusal({"--format", "xml"}), "Unknown option (xml)");
  EXPECT_EQ(Refusal({"--extra-keys", "-i"}), "--extra options requires format to be csv");
  EXPECT_TRUE(Parse({"--extra-keys", "--format", "csv"}).extra_keys);
}

TEST(AusearchOptions, ListTheTypesWhenOneIsWrong) {
  const std::string list = "Valid message types are: ALL USER LOGIN USER_AUTH ";
  EXPECT_THAT(Refusal({"-m"}), StartsWith("Argument is required for -m\n" + list));
  EXPECT_THAT(Refusal({"-m", "FOO"}), StartsWith(list));
  EXPECT_THAT(Refusal({"-m", ""}), StartsWith(list));
  EXPECT_THAT(Refusal({"-m", "CWD,ALL"}), StartsWith(list));
  EXPECT_THAT(
      Refusal({"-m", "99999999999"}),
      StartsWith("Numeric message type conversion error (Numerical result out of range) for "
                 "99999999999\n" +
                 list));
}

TEST(AusearchOptions, RefuseConditionsThatMalformedRecordsCannotMeet) {
  for (const std::vector<std::string_view>& condition :
       {std::vector<std::string_view>{"-a", "1"}, {"-m", "CWD"}, {"-k", "x"}, {"-n", "web1"}}) {
    std::vector<std::string_view> arguments = condition;
    arguments.push_back("--malformed");
    EXPECT_THAT(Refusal(arguments), StartsWith("--malformed takes")) << condition[0];
  }
}

TEST(AusearchOptions, ExplainThemselves) {
  const std::string usage = AusearchUsage();
  EXPECT_EQ(Refusal({}), usage);
  EXPECT_THAT(usage, testing::HasSubstr("\n  -ts,--start [DATE] [TIME]"));
  EXPECT_TRUE(Parse({"-h", "nonsense"}).help);
}

TEST(AusearchOptions, BecomeOnePredicate) {
  const Predicate predicate =
      Parse({"-a", "7", "-m", "CWD", "-k", "x", "-n", "a", "-n", "b", "-ts", "now"}).predicate();
  const std::vector<Predicate>& parts = std::get<AllOf>(predicate.condition()).parts;
  ASSERT_EQ(parts.size(), 5u);
  EXPECT_EQ(std::get<SerialIs>(parts[0].condition()).serial, 7u);
  EXPECT_THAT(std::get<TypeIn>(parts[1].condition()).types, ElementsAre(1307));
  EXPECT_EQ(std::get<AnyOf>(parts[2].condition()).parts.size(), 2u);
  EXPECT_EQ(std::get<AttributeIs>(parts[3].condition()).text, "x");
  EXPECT_EQ(predicate.time_bounds().from_ms, static_cast<uint64_t>(kNow) * 1000);
}

}  // namespace
}  // namespace query
