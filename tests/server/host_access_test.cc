#include "server/host_access.h"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdlib.h>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace server {
namespace {

namespace asio = boost::asio;
using testing::HasSubstr;
using testing::Not;

// Asks from a context of its own, with rules in files of its own.
class HostAccessTest : public testing::Test {
 protected:
  HostAccessTest() {
    std::string path = testing::TempDir() + "host_access_test.XXXXXX";
    directory_ = mkdtemp(path.data());
  }
  ~HostAccessTest() override { RemoveFiles(); }

  void RemoveFiles() { std::filesystem::remove_all(directory_); }

  HostAccessOptions Options(size_t pending_max = 10) const {
    HostAccessOptions options;
    options.allow_file = directory_ / "hosts.allow";
    options.deny_file = directory_ / "hosts.deny";
    options.pending_max = pending_max;
    return options;
  }

  std::string PathOf(const char* name) const { return directory_ / name; }
  void Allow(std::string_view rules) { Write("hosts.allow", rules); }
  void Deny(std::string_view rules) { Write("hosts.deny", rules); }

  // Makes the next question wait for GoOn(), and those behind it too: libwrap reads a pipe.
  void MakeQuestionsWait() { ASSERT_EQ(mkfifo((directory_ / "hosts.allow").c_str(), 0600), 0); }

  // Waits until a question is being answered, which then waits for GoOn().
  void WaitForQuestion() { pipe_.open(directory_ / "hosts.allow"); }

  // Lets the question go on. All that follow find the rules in a usual file.
  void GoOn() {
    Write("all.allow", "ALL: ALL\n");
    std::filesystem::rename(directory_ / "all.allow", directory_ / "hosts.allow");
    pipe_ << "ALL: ALL\n";
    pipe_.close();
  }

  void Ask(HostAccess& access, const std::string& address, std::optional<bool>* answer) {
    auto ask = [](HostAccess& asked, std::string from,
                  std::optional<bool>* to) -> asio::awaitable<void> {
      const asio::ip::address parsed = asio::ip::make_address(from);
      const bool allowed = co_await asked.Allows(parsed);
      *to = allowed;
    };
    context_.restart();  // It stops by itself when nothing waits.
    asio::co_spawn(context_, ask(access, address, answer), asio::detached);
  }

  void RunUntil(const std::optional<bool>& answer) {
    while (!answer) ASSERT_EQ(context_.run_one(), 1u);
  }

  bool Answer(HostAccess& access, const std::string& address) {
    std::optional<bool> answer;
    Ask(access, address, &answer);
    context_.run();
    return answer.value();
  }

  asio::io_context context_;

 private:
  void Write(std::string_view name, std::string_view rules) {
    std::ofstream(directory_ / name) << rules;
  }

  std::filesystem::path directory_;
  std::ofstream pipe_;
};

TEST_F(HostAccessTest, AllowsEveryoneWithoutRules) {
  HostAccess access(Options());
  EXPECT_TRUE(Answer(access, "192.0.2.1"));
  EXPECT_TRUE(Answer(access, "2001:db8::1"));
}

TEST_F(HostAccessTest, FollowsTheRulesForAddresses) {
  Allow("auditd: 192.0.2. [2001:db8::]/32\n");
  Deny("ALL: ALL\n");
  HostAccess access(Options());
  EXPECT_TRUE(Answer(access, "192.0.2.1"));
  EXPECT_TRUE(Answer(access, "192.0.2.255"));
  EXPECT_FALSE(Answer(access, "192.0.3.1"));
  EXPECT_TRUE(Answer(access, "2001:db8::1"));
  EXPECT_FALSE(Answer(access, "2001:db9::1"));
}

TEST_F(HostAccessTest, TakesAMappedAddressAsIPv4) {
  Allow("auditd: 192.0.2.1\n");
  Deny("ALL: ALL\n");
  HostAccess access(Options());
  EXPECT_TRUE(Answer(access, "::ffff:192.0.2.1"));
  EXPECT_FALSE(Answer(access, "::ffff:192.0.2.2"));
}

TEST_F(HostAccessTest, HeedsTheNameOfTheDaemon) {
  Deny("sshd: ALL\n");
  HostAccess access(Options());
  EXPECT_TRUE(Answer(access, "192.0.2.1"));
  Deny("auditd: ALL\n");
  EXPECT_FALSE(Answer(access, "192.0.2.1"));
}

TEST_F(HostAccessTest, ReadsTheRulesAnewForEachQuestion) {
  HostAccess access(Options());
  EXPECT_TRUE(Answer(access, "192.0.2.1"));
  Deny("ALL: 192.0.2.1\n");
  EXPECT_FALSE(Answer(access, "192.0.2.1"));
  EXPECT_TRUE(Answer(access, "192.0.2.2"));
}

TEST_F(HostAccessTest, LetsAProgramOfARuleInheritNothing) {
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(pipe(pipe_ends.data()), 0);  // As Asio's sockets are: not close-on-exec.
  const std::string list = PathOf("list");
  Allow("ALL: ALL: spawn (ls -l /proc/self/fd > " + list + ")\n");
  HostAccess access(Options());
  EXPECT_TRUE(Answer(access, "192.0.2.1"));
  std::ifstream listed(list);
  const std::string descriptors(std::istreambuf_iterator<char>(listed), {});
  EXPECT_THAT(descriptors, HasSubstr("1 -> "));
  EXPECT_THAT(descriptors, Not(HasSubstr("pipe:")));
  for (const int end : pipe_ends) close(end);
}

// In a process of its own: what it guards against is an exit without any trace.
TEST_F(HostAccessTest, SurvivesARuleThatWouldReplaceTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Allow("auditd: ALL: twist /bin/false\n");
  const auto ask = [this] {
    HostAccess access(Options());
    const bool allowed = Answer(access, "192.0.2.1");
    RemoveFiles();
    std::_Exit(allowed ? 1 : 42);
  };
  EXPECT_EXIT(ask(), testing::ExitedWithCode(42), "");
}

TEST_F(HostAccessTest, AnswersOnTheThreadOfTheCaller) {
  HostAccess access(Options());
  std::thread::id thread;
  auto ask = [](HostAccess& asked, std::thread::id* id) -> asio::awaitable<void> {
    const bool allowed = co_await asked.Allows(asio::ip::make_address("192.0.2.1"));
    *id = allowed ? std::this_thread::get_id() : std::thread::id();
  };
  asio::co_spawn(context_, ask(access, &thread), asio::detached);
  context_.run();
  EXPECT_EQ(thread, std::this_thread::get_id());
}

TEST_F(HostAccessTest, RefusesAndCountsWhenTooManyWait) {
  MakeQuestionsWait();
  HostAccess access(Options(/*pending_max=*/2));
  std::optional<bool> first, second, third;
  Ask(access, "192.0.2.1", &first);
  Ask(access, "192.0.2.2", &second);
  Ask(access, "192.0.2.3", &third);
  RunUntil(third);
  EXPECT_EQ(third, false);
  EXPECT_EQ(access.refused_at_limit(), 1u);

  WaitForQuestion();
  GoOn();
  RunUntil(first);
  RunUntil(second);
  EXPECT_EQ(first, true);
  EXPECT_EQ(second, true);
  EXPECT_TRUE(Answer(access, "192.0.2.3"));  // There is room again.
  EXPECT_EQ(access.refused_at_limit(), 1u);
}

TEST_F(HostAccessTest, AnswersNoToAllThatWaitWhenItStops) {
  MakeQuestionsWait();
  HostAccess access(Options());
  std::optional<bool> first, second, third;
  Ask(access, "192.0.2.1", &first);
  Ask(access, "192.0.2.2", &second);
  context_.poll();
  WaitForQuestion();
  access.Stop();
  GoOn();
  RunUntil(second);
  Ask(access, "192.0.2.3", &third);
  RunUntil(third);
  EXPECT_EQ(first, true);
  EXPECT_EQ(second, false);
  EXPECT_EQ(third, false);
  EXPECT_EQ(access.refused_at_limit(), 0u);
}

}  // namespace
}  // namespace server
