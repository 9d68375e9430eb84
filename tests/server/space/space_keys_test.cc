#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/config.h"
#include "tests/server/space/scratch_directory.h"

namespace server {
namespace {

using testing::HasSubstr;

std::string FindingFor(const std::string& text) {
  const ParsedConfig parsed = ParseConfig(text, "f");
  return FormatFinding(parsed, parsed.findings.front());
}

SpaceOptions OptionsOf(const std::string& text) {
  const ParsedConfig parsed = ParseConfig(text, "f");
  EXPECT_TRUE(parsed.ok()) << FormatReport(parsed);
  return parsed.config.space;
}

TEST(SpaceKeys, TakeLimitsInMegabytesAndPercent) {
  EXPECT_EQ(OptionsOf("space_left = 75").space_left, (SpaceLimit{.number = 75}));
  EXPECT_EQ(OptionsOf("admin_space_left = 5%").admin_space_left,
            (SpaceLimit{.number = 5, .is_percent = true}));
}

TEST(SpaceKeys, TakeTheActionsOfEachKeyInAnyCase) {
  const struct {
    std::string key;
    std::string actions;  // i s r e x u n h k: by the first letter that is theirs alone.
  } cases[] = {{"space_left_action", "isrexunh"},
               {"admin_space_left_action", "isrexunh"},
               {"disk_full_action", "isrxunh"},
               {"disk_error_action", "isxunh"},
               {"max_log_file_action", "isxurk"}};
  const struct {
    char letter;
    std::string value;
  } actions[] = {{'i', "IGNORE"}, {'s', "Syslog"},  {'r', "ROTATE"},
                 {'e', "email"},  {'x', "exec /x"}, {'u', "SUSPEND"},
                 {'n', "single"}, {'h', "HALT"},    {'k', "KEEP_LOGS"}};
  for (const auto& [key, allowed] : cases) {
    for (const auto& [letter, value] : actions) {
      const bool is_good = ParseConfig(key + " = " + value, "f").ok();
      EXPECT_EQ(is_good, allowed.find(letter) != std::string::npos) << key << " = " << value;
    }
  }
  EXPECT_EQ(OptionsOf("disk_full_action = EXEC /usr/local/bin/x").disk_full_action,
            (ChosenAction{.action = SpaceAction::kExec, .script = "/usr/local/bin/x"}));
}

TEST(SpaceKeys, NameWhatIsWrong) {
  const struct {
    std::string line;
    std::string finding;
  } cases[] = {
      {"space_left = 0%", "too small, allowed: a number of MB to 2147483647, or 1% to 99%"},
      {"space_left = 100%", "too large"},
      {"space_left = %", "not a number"},
      {"space_left = 5%%", "not a number"},
      {"space_left = -5", "not a number"},
      {"space_left_action = exec", "exec wants an absolute path"},
      {"space_left_action = exec bin/x", "exec wants an absolute path"},
      {"space_left_action = syslog /bin/x", "only exec takes a path"},
      {"disk_full_action = email", "not an action of this key, allowed: ignore, syslog, rotate, "},
      {"disk_error_action = rotate", "not an action of this key"},
      {"space_left_action = shout", "not one of the words"},
      {"max_log_file_action = halt", "not an action of this key"},
      {"num_logs = 1000", "too large"},
      {"action_mail_acct = -t", "not a mail address"},
      {"action_mail_acct = a;b", "not a mail address"},
      {"action_mail_acct = @example.org", "not a mail address"},
      {"action_mail_acct = a@b@c", "not a mail address"},
      {"disk_full_signal = perhaps", "not one of the words, allowed: ending, diskfull"},
      {"reserve_space = 1048577", "too large"},
      {"space_left = 50\nadmin_space_left = 50\n", "must be larger than admin_space_left"},
      {"admin_space_left = 9%\nspace_left = 8%\n", "must be larger than admin_space_left"},
  };
  for (const auto& [line, finding] : cases) {
    EXPECT_FALSE(ParseConfig(line, "f").ok()) << line;
    EXPECT_THAT(FindingFor(line), HasSubstr(finding));
  }
}

// The stock file of one machine must not make a fleet's store forget nearly all.
TEST(SpaceKeys, LimitTheStoreOnlyWhenTheyAreToldTo) {
  const std::string stock = "max_log_file = 8\nnum_logs = 5\nmax_log_file_action = ROTATE\n";
  EXPECT_FALSE(OptionsOf(stock).honour_max_log_file);
  EXPECT_THAT(FindingFor(stock), HasSubstr("counts only with honour_max_log_file = yes"));
  EXPECT_THAT(FindingFor("honour_max_log_file = yes\n" + stock), HasSubstr("warning: the store"));
  EXPECT_THAT(FindingFor("honour_max_log_file = yes"), HasSubstr("there is no limit"));
}

TEST(SpaceKeys, WarnOfWhatLosesRecords) {
  EXPECT_THAT(FindingFor("disk_full_signal = DISKFULL"), HasSubstr("and loses records"));
  EXPECT_THAT(FindingFor("reserve_space = 0"), HasSubstr("no room to delete"));
  EXPECT_THAT(FindingFor("action_mail_acct = root"), HasSubstr("only with an action email"));
}

TEST(SpaceKeys, AreJudgedOnTheMachineWhenAFileIsRead) {
  const ScratchDirectory directory;
  const auto finding = [&](const std::string& text) {
    const auto parsed = ReadConfigFile(directory.Write("f", text));
    return parsed.ok() ? FormatFinding(*parsed, parsed->findings.front()) : "";
  };
  const std::string exec = "disk_full_action = exec ";
  EXPECT_THAT(finding(exec + directory.Path("none")), HasSubstr("No such file or directory"));
  EXPECT_THAT(finding(exec + directory.Write("x", "", 0777)),
              HasSubstr("can be written by others"));
  if (geteuid() == 0) {
    EXPECT_THAT(finding(exec + directory.Write("good", "", 0750)), testing::EndsWith("honoured"));
  }
  const bool has_sendmail = access("/usr/lib/sendmail", X_OK) == 0;
  EXPECT_THAT(finding("space_left_action = email"),
              HasSubstr(has_sendmail ? "honoured" : "email needs /usr/lib/sendmail"));
  EXPECT_THAT(finding("space_left_action = email\nverify_email = no"), HasSubstr("honoured"));
  // MB and percent can be compared only where the store is.
  EXPECT_THAT(finding("space_left = 1\nadmin_space_left = 99%\nstore_dir = /\n"),
              HasSubstr("must be larger than admin_space_left"));
}

}  // namespace
}  // namespace server
