#include "client-plugin/enricher.h"

#include <libaudit.h>
#include <map>

#include <gtest/gtest.h>

#include "client-plugin/kernel_record.h"

namespace client_plugin {
namespace {

// Enriches records of a host with a few names.
class EnricherTest : public testing::Test {
 protected:
  EnricherTest()
      : names_({.find_user = [this](uint32_t id) { return Answer(users_, id); },
                .find_group = [this](uint32_t id) { return Answer(groups_, id); },
                .files = {}}) {}

  // What is written behind the record, the 0x1d as "|".
  std::string Tail(uint16_t type, const std::string& body) {
    std::string line;
    AppendLine(type, "audit(1700000000.123:45): " + body, &line);
    const std::string raw = line;
    enricher_.Append(type, &line);
    EXPECT_EQ(line.substr(0, raw.size()), raw);
    std::string tail = line.substr(raw.size());
    if (tail.starts_with('\x1d')) tail[0] = '|';
    return tail;
  }

  using Names = std::map<uint32_t, std::string>;

  static std::optional<std::string> Answer(const Names& names, uint32_t id) {
    const auto found = names.find(id);
    return found == names.end() ? std::nullopt : std::optional(found->second);
  }

  Names users_ = {{5, "games"}, {1000, "alice"}};
  Names groups_ = {{5, "tty"}, {1000, "staff"}};
  NameCache names_;
  Enricher enricher_{names_};
};

TEST_F(EnricherTest, NamesWhatHasANumber) {
  EXPECT_EQ(Tail(AUDIT_SYSCALL,
                 "arch=c000003e syscall=59 success=yes exit=0 a0=1 ppid=5 pid=5 auid=1000 uid=5 "
                 "gid=5 fsgid=77 key=\"uid=5\""),
            "|ARCH=x86_64 SYSCALL=execve AUID=\"alice\" UID=\"games\" GID=\"tty\" "
            "FSGID=\"unknown(77)\"");
  EXPECT_EQ(Tail(AUDIT_SOCKADDR, "saddr=020000160A0000010000000000000000"),
            "|SADDR={ saddr_fam=inet laddr=10.0.0.1 lport=22 }");
  EXPECT_EQ(Tail(AUDIT_USER_LOGIN, "pid=5 uid=0 auid=4294967295 msg='op=login id=5 res=success'"),
            "|UID=\"root\" AUID=\"unset\" ID=\"games\"");
}

TEST_F(EnricherTest, LeavesOthersAlone) {
  EXPECT_EQ(Tail(AUDIT_CWD, "cwd=\"/root\""), "");
  EXPECT_EQ(Tail(AUDIT_EXECVE, "argc=2 a0=\"id\" a1=\"uid=5\""), "");
  EXPECT_EQ(Tail(AUDIT_PROCTITLE, "proctitle=6C73"), "");
  EXPECT_EQ(Tail(AUDIT_EOE, ""), "");
}

TEST_F(EnricherTest, HasOneLineForAPathWithANewline) {
  EXPECT_EQ(Tail(AUDIT_SOCKADDR, "saddr=01002F610A6200"), "|SADDR={ saddr_fam=local path=/a b }");
}

TEST_F(EnricherTest, DoesNotBelieveATailThatIsThere) {
  EXPECT_EQ(Tail(AUDIT_USER, "uid=5 msg='\x1dUID=\"root\" gid=5'"), "|UID=\"games\"");
}

TEST_F(EnricherTest, LeavesOutWhatHasNoRoom) {
  const std::string front = "uid=5 saddr=020000160A0000010000000000000000 gid=5 x=";
  const size_t stamp_bytes = sizeof("type=USER msg=audit(1700000000.123:45): ") - 1;
  const auto tail = [&](size_t line_bytes) {
    return Tail(AUDIT_USER, front + std::string(line_bytes - stamp_bytes - front.size(), 'x'));
  };
  EXPECT_EQ(tail(9200), "|UID=\"games\"");
  EXPECT_EQ(tail(9170), "|UID=\"games\" GID=\"tty\"");
  EXPECT_EQ(tail(9201), "");
  EXPECT_EQ(tail(20'000), "");
}

TEST_F(EnricherTest, AsksAgainWhenUsersWereAddedOrDeleted) {
  EXPECT_EQ(Tail(AUDIT_USER, "uid=7"), "|UID=\"unknown(7)\"");
  users_[7] = "bob";
  EXPECT_EQ(Tail(AUDIT_USER, "uid=7"), "|UID=\"unknown(7)\"");
  EXPECT_EQ(Tail(AUDIT_ADD_USER, "uid=7"), "|UID=\"bob\"");
  users_.erase(7);
  EXPECT_EQ(Tail(AUDIT_DEL_USER, "uid=7"), "|UID=\"bob\"");
  EXPECT_EQ(Tail(AUDIT_USER, "uid=7"), "|UID=\"unknown(7)\"");
}

}  // namespace
}  // namespace client_plugin
