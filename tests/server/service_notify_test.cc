#include "server/service_notify.h"

#include <cstdlib>
#include <functional>
#include <optional>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file_descriptor.h"
#include "server/disk_waits.h"
#include "server/status_line.h"
#include "tests/server/disk_wait.h"
#include "tests/storage/temporary_directory.h"

namespace server {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::StartsWith;

constexpr char kAlive[] = "WATCHDOG=1";

// What systemd is to a service: a socket, and what it says in the environment.
class ServiceNotifyTest : public testing::Test {
 protected:
  ServiceNotifyTest() : socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const std::string path = directory_.path() + "/notify";
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }

  ~ServiceNotifyTest() override {
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
  }

  void WatchEvery(std::chrono::microseconds time) {
    setenv("WATCHDOG_USEC", std::to_string(time.count() * 4).c_str(), 1);
  }

  ServiceNotify& service() {
    if (!service_) {
      service_.emplace(
          network_,
          ServiceNotify::Sources{.ask_committer = [this](auto answer) { Ask(std::move(answer)); },
                                 .status = [this] { return status_; }},
          ServiceNotifyOptions{.status_interval = status_interval_});
    }
    return *service_;
  }

  // What was told since the last time, oldest first: one message, or nothing.
  std::string Told() {
    std::string message(4096, '\0');
    const ssize_t size = recv(socket_.get(), message.data(), message.size(), MSG_DONTWAIT);
    message.resize(size > 0 ? static_cast<size_t>(size) : 0);
    return message;
  }

  // Runs the network until something is told.
  std::string NextTold() {
    for (;;) {
      std::string message = Told();
      if (!message.empty() || network_.run_one() == 0) return message;
    }
  }

  std::string status_ = "all is well";
  std::chrono::milliseconds status_interval_ = std::chrono::hours(1);
  bool answers_ = true;
  std::function<void()> answer_;  // What the committer has not answered yet.
  boost::asio::io_context network_;

 private:
  void Ask(std::function<void()> answer) {
    if (answers_) return answer();
    answer_ = std::move(answer);
  }

  TemporaryDirectory directory_;
  base::FileDescriptor socket_;
  std::optional<ServiceNotify> service_;
};

TEST_F(ServiceNotifyTest, TellsWhenItServesReloadsAndStops) {
  service().Ready();
  EXPECT_EQ(Told(), "READY=1\nSTATUS=all is well");
  service().BeginReload();
  EXPECT_THAT(Told(), MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+\nSTATUS=reloads"));
  service().EndReload();
  EXPECT_EQ(Told(), "READY=1\nSTATUS=all is well");
  service().Stopping();
  EXPECT_EQ(Told(), "STOPPING=1\nSTATUS=stops");
}

TEST_F(ServiceNotifyTest, TellsNobodyWithoutASocket) {
  unsetenv("NOTIFY_SOCKET");
  WatchEvery(std::chrono::milliseconds(1));
  service().Ready();
  service().BeginReload();
  service().EndReload();
  EXPECT_EQ(network_.run(), 0U);  // Not even a timer.
}

TEST_F(ServiceNotifyTest, TellsHowItIsWhenThatHasChanged) {
  status_interval_ = std::chrono::milliseconds(1);
  service().Ready();
  Told();
  network_.run_one();
  EXPECT_THAT(Told(), IsEmpty());
  status_ = "all is better";
  EXPECT_EQ(NextTold(), "STATUS=all is better");
}

TEST_F(ServiceNotifyTest, IsAliveWhenTheCommitterHasAnswered) {
  WatchEvery(std::chrono::milliseconds(1));
  answers_ = false;
  service().Ready();
  Told();
  EXPECT_THAT(Told(), IsEmpty());
  for (int i = 0; i < 3; ++i) {
    std::exchange(answer_, nullptr)();
    EXPECT_EQ(NextTold(), kAlive);
    while (answer_ == nullptr) network_.run_one();
  }
}

TEST_F(ServiceNotifyTest, IsNotAliveWhileTheCommitterHangs) {
  WatchEvery(std::chrono::milliseconds(1));
  answers_ = false;
  service().Ready();
  Told();
  for (int tick = 0; tick < 8; ++tick) network_.run_one();  // Twice the time of the watchdog.
  EXPECT_THAT(Told(), IsEmpty());
}

TEST_F(ServiceNotifyTest, IsNotWatchedUnlessSystemdWantsIt) {
  answers_ = false;
  service().Ready();
  EXPECT_EQ(answer_, nullptr);
}

TEST_F(ServiceNotifyTest, IsAliveWhileADiskDoesNotAnswer) {
  DiskWait wait;
  if (!wait.CanBegin()) GTEST_SKIP() << "the kernel shows no such wait";
  WatchEvery(std::chrono::milliseconds(1));
  answers_ = false;
  service().Ready();
  Told();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(NextTold(), kAlive);
  service().EndReload();
  EXPECT_THAT(Told(), HasSubstr("STATUS=waits for the disk; all is well"));

  wait.Answer();
  std::exchange(answer_, nullptr)();
  EXPECT_EQ(NextTold(), kAlive);
  service().EndReload();
  EXPECT_THAT(Told(), HasSubstr("STATUS=all is well"));
}

TEST_F(ServiceNotifyTest, TellsNothingAfterTheEnd) {
  WatchEvery(std::chrono::milliseconds(1));
  status_interval_ = std::chrono::milliseconds(1);
  service().Ready();
  service().Stopping();
  while (!Told().empty()) {
  }
  status_ = "at the end";
  network_.run();
  EXPECT_THAT(Told(), IsEmpty());
}

TEST_F(ServiceNotifyTest, IsAliveWhileADiskIsSlow) {
  WatchEvery(std::chrono::milliseconds(1));
  answers_ = false;
  service().Ready();
  Told();
  for (int i = 0; i < 3; ++i) {
    DiskWait wait;
    if (!wait.CanBegin()) GTEST_SKIP() << "the kernel shows no such wait";
    EXPECT_EQ(NextTold(), kAlive);
  }
}

TEST(WaitsForDisk, IsAsLongAsAThreadDoes) {
  EXPECT_FALSE(WaitsForDisk());
  {
    DiskWait wait;
    if (!wait.CanBegin()) GTEST_SKIP() << "the kernel shows no such wait";
    EXPECT_TRUE(WaitsForDisk());
  }
  EXPECT_FALSE(WaitsForDisk());
}

TEST(StatusLineTest, SaysWhatKeepsItFromTakingRecordsIn) {
  Counters counters;
  counters.sessions_open = 12;
  counters.streams_open = 3;
  EXPECT_EQ(StatusLine(counters, 531.4),
            "takes records in; 12 sessions, 3 streams of agents, 531 records/s; space ok");
  counters.space_stage = 3;
  counters.space_suspended = 1;
  EXPECT_THAT(StatusLine(counters, 0), StartsWith("takes nothing in for want of space; "));
  EXPECT_THAT(StatusLine(counters, 0), HasSubstr("; space full"));
  counters.suspended = 1;
  EXPECT_THAT(StatusLine(counters, 0), StartsWith("suspended by an admin, takes nothing in; "));
}

}  // namespace
}  // namespace server
