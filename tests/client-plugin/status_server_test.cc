#include "client-plugin/status_server.h"

#include <filesystem>
#include <future>
#include <sys/stat.h>
#include <thread>
#include <vector>

#include <boost/asio/connect.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/storage/temporary_directory.h"

namespace client_plugin {
namespace {

namespace asio = boost::asio;
using testing::HasSubstr;
using testing::StartsWith;

class StatusServerTest : public testing::Test {
 protected:
  StatusServerTest() {
    options_ = {.metrics_port = 0, .socket_path = directory_.path() + "/run/status.sock"};
  }

  void Start() {
    server_.emplace(context_, options_, [this] {
      AgentState state;
      state.source = "netlink";
      state.queue.records = ++asked_;
      return state;
    });
    const absl::Status started = server_->Start();
    ASSERT_TRUE(started.ok()) << started;
    thread_ = std::thread([this] { context_.run(); });
  }

  ~StatusServerTest() override {
    asio::post(context_, [this] { server_.reset(); });
    context_.stop();
    if (thread_.joinable()) thread_.join();
    server_.reset();
  }

  // What comes back, head and all; empty if it is closed.
  std::string Send(const std::string& request) {
    asio::io_context context;
    asio::ip::tcp::socket socket(context);
    socket.connect({asio::ip::address_v4::loopback(), server_->metrics_port()});
    boost::system::error_code error;
    asio::write(socket, asio::buffer(request), error);
    std::string answer;
    asio::read(socket, asio::dynamic_buffer(answer), error);
    return answer;
  }

  TemporaryDirectory directory_;
  StatusServerOptions options_;
  uint64_t asked_ = 0;
  asio::io_context context_;
  std::optional<StatusServer> server_;
  std::thread thread_;
};

TEST_F(StatusServerTest, TellsPrometheusOnTheLoopbackAddress) {
  Start();
  const std::string answer = Send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("text/plain; version=0.0.4"));
  EXPECT_THAT(answer, HasSubstr("\nauspex_agent_queue_records_total 1\n"));
  EXPECT_THAT(Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
}

TEST_F(StatusServerTest, TellsThoseWhoMayUseItsSocket) {
  Start();
  const absl::StatusOr<std::string> text = AskForStatus(options_.socket_path, false);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text, HasSubstr("source netlink"));
  const absl::StatusOr<std::string> json = AskForStatus(options_.socket_path, true);
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_THAT(*json, HasSubstr("\"queue_records_total\": 2"));
  struct stat status {};
  ASSERT_EQ(stat(options_.socket_path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(StatusServerTest, CutsOffWhoDoesNotAskAndWhoAsksTooMuch) {
  options_.request_time_max = std::chrono::milliseconds(20);
  Start();
  EXPECT_EQ(Send("GET /metr"), "");
  EXPECT_EQ(Send("GET /" + std::string(20'000, 'x')), "");
  EXPECT_THAT(Send("GET /metrics HTTP/1.0\r\n\r\n"), HasSubstr(" 200 OK"));
}

TEST_F(StatusServerTest, HasRoomForSomeOnly) {
  options_.connections_max = 2;
  Start();
  asio::io_context context;
  std::vector<asio::ip::tcp::socket> silent;
  for (int i = 0; i < 2; ++i) {
    silent.emplace_back(context).connect(
        {asio::ip::address_v4::loopback(), server_->metrics_port()});
  }
  EXPECT_EQ(Send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), "");
}

TEST_F(StatusServerTest, NamesWhatItCannotListenOn) {
  options_.socket_path = "/proc/status.sock";
  server_.emplace(context_, options_, [] { return AgentState(); });
  EXPECT_THAT(std::string(server_->Start().message()), HasSubstr("status_socket /proc/"));
  EXPECT_THAT(std::string(AskForStatus("/nowhere", false).status().message()),
              HasSubstr("no agent at /nowhere"));
}

}  // namespace
}  // namespace client_plugin
