#include <fstream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/str_format.h"
#include <gmock/gmock.h>

#include "tests/server/api/api_fixture.h"

namespace server {
namespace {

using auspex::v1::HostsResponse;
using testing::HasSubstr;

class LocalSocketTest : public ApiTest {
 protected:
  // How a call through the socket ends.
  grpc::Status Ask() const {
    grpc::ClientContext context;
    HostsResponse response;
    return auspex::v1::QueryService::NewStub(ConnectLocally())->Hosts(&context, {}, &response);
  }

  // Whether a process with these arguments of setpriv(1) is served: a server of HTTP/2 speaks
  // first.
  bool IsServed(const std::string& privileges) const {
    const std::string command = absl::StrFormat(
        "setpriv %s /usr/bin/python3 -c 'import socket, sys; s = socket.socket(socket.AF_UNIX); "
        "s.connect(sys.argv[1]); sys.exit(0 if s.recv(1) else 1)' %s 2> /dev/null",
        privileges, socket_path_);
    return WEXITSTATUS(std::system(command.c_str())) == 0;
  }
};

TEST_F(LocalSocketTest, LetsTheUserOfTheServerAsk) {
  Start();
  const grpc::Status status = Ask();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(Ask().ok());
  EXPECT_EQ(api_->call_counters().calls_total, 2u);
  Stop();
  EXPECT_NE(access(socket_path_.c_str(), F_OK), 0);
}

TEST_F(LocalSocketTest, LetsInRootAndTheGroupOnly) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can be somebody else";
  ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
  socket_group_ = "adm";
  Start();
  EXPECT_FALSE(IsServed("--reuid 65534 --regid 65534 --clear-groups"));
  EXPECT_TRUE(IsServed("--reuid 65534 --regid adm --clear-groups"));
  EXPECT_TRUE(IsServed("--reuid 65534 --regid 65534 --groups adm"));
  // The file lets them in; the server does not.
  ASSERT_EQ(chmod(socket_path_.c_str(), 0666), 0);
  EXPECT_FALSE(IsServed("--reuid 65534 --regid 65534 --clear-groups"));
}

TEST_F(LocalSocketTest, ReplacesWhatADeadServerHasLeft) {
  { boost::asio::local::stream_protocol::acceptor dead(network_, {socket_path_}); }
  EXPECT_EQ(access(socket_path_.c_str(), F_OK), 0);
  Start();
  EXPECT_TRUE(Ask().ok());
}

TEST_F(LocalSocketTest, TakesNoPlaceOfAnother) {
  Start();
  const auto failure_at = [&](const std::string& path, const std::string& group) {
    LocalCallers callers;
    LocalSocket socket(network_, callers, [](int) {});
    return std::string(socket.Prepare({.path = path, .group = group}).status().message());
  };
  EXPECT_THAT(failure_at(socket_path_, ""), HasSubstr("another server"));
  const std::string file = directory_.path() + "/file";
  std::ofstream(file) << "mine";
  EXPECT_THAT(failure_at(file, ""), HasSubstr("is no socket"));
  EXPECT_EQ(ReadWhole(file), "mine");
  EXPECT_THAT(failure_at(directory_.path() + "/no/such/socket", ""), HasSubstr("cannot bind"));
  EXPECT_THAT(failure_at("/" + std::string(200, 'x'), ""), HasSubstr("too long"));
  EXPECT_EQ(failure_at(socket_path_, "no-such-group"),
            "api_socket_group: there is no group no-such-group");
  EXPECT_TRUE(Ask().ok());
}

}  // namespace
}  // namespace server
