#include "server/passed_sockets.h"

#include <array>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "absl/strings/str_cat.h"
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace server {
namespace {

namespace asio = boost::asio;
using asio::ip::make_address;
using asio::ip::tcp;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Sockets are passed from descriptor 3 on, where a test program has others. So a child is passed
// them, takes them, and tells what it got in one line.
class PassedSocketsTest : public testing::Test {
 protected:
  int Listening(const char* address = "127.0.0.1") {
    acceptors_.emplace_back(network_, tcp::endpoint(make_address(address), 0));
    return acceptors_.back().native_handle();
  }

  std::string PlaceOfLast() const {
    const tcp::endpoint endpoint = acceptors_.back().local_endpoint();
    return absl::StrCat(endpoint.address().to_string(), " ", endpoint.port(), "\n");
  }

  // What a process takes that is passed these, under these names.
  std::string Taken(const std::vector<int>& descriptors, const std::string& names,
                    bool by_somebody_else = false) {
    std::array<int, 2> pipe_ends{};
    EXPECT_EQ(pipe(pipe_ends.data()), 0);
    const pid_t child = fork();
    if (child == 0) {
      // Out of the way of each other first.
      const int output = fcntl(pipe_ends[1], F_DUPFD, 100);
      std::vector<int> safe;
      for (const int descriptor : descriptors) safe.push_back(fcntl(descriptor, F_DUPFD, 100));
      for (size_t i = 0; i < safe.size(); ++i) dup2(safe[i], static_cast<int>(3 + i));
      setenv("LISTEN_PID", absl::StrCat(by_somebody_else ? 1 : getpid()).c_str(), 1);
      setenv("LISTEN_FDS", absl::StrCat(descriptors.size()).c_str(), 1);
      setenv("LISTEN_FDNAMES", names.c_str(), 1);
      const std::string told = TakeAndTell();
      std::ignore = write(output, told.data(), told.size());
      _exit(0);
    }
    close(pipe_ends[1]);
    std::string told;
    std::array<char, 4096> buffer{};
    for (ssize_t size = 0; (size = read(pipe_ends[0], buffer.data(), buffer.size())) > 0;) {
      told.append(buffer.data(), static_cast<size_t>(size));
    }
    close(pipe_ends[0]);
    waitpid(child, nullptr, 0);
    return told;
  }

  asio::io_context network_;
  std::vector<tcp::acceptor> acceptors_;

 private:
  static std::string TakeAndTell() {
    const absl::StatusOr<std::vector<PassedSocket>> sockets = TakePassedSockets();
    if (!sockets.ok()) return std::string(sockets.status().message());
    std::string told;
    for (const PassedSocket& socket : *sockets) {
      absl::StrAppend(&told, socket.endpoint.address().to_string(), " ", socket.endpoint.port(),
                      "\n");
      if (fcntl(socket.descriptor.get(), F_GETFD) != FD_CLOEXEC) told += "inherited\n";
    }
    if (std::getenv("LISTEN_FDS") != nullptr) told += "LISTEN_FDS is still there\n";
    if (sockets->empty() && fcntl(3, F_GETFD) != -1) told += "3 is open\n";
    return told;
  }
};

TEST_F(PassedSocketsTest, TakesThoseForAudispRemote) {
  const int first = Listening();
  std::string places = PlaceOfLast();
  const int second = Listening("127.0.0.2");
  places += PlaceOfLast();
  EXPECT_EQ(Taken({first, second}, "audisp-remote:audisp-remote"), places);
}

TEST_F(PassedSocketsTest, ClosesOneOfAnotherName) {
  EXPECT_EQ(Taken({Listening()}, "auspexd.socket"), "");
}

TEST_F(PassedSocketsTest, LeavesThoseOfAnotherProcessAlone) {
  EXPECT_EQ(Taken({Listening()}, "audisp-remote", true), "3 is open\n");
}

TEST_F(PassedSocketsTest, NamesADescriptorThatIsNoTcpSocketThatListens) {
  const base::FileDescriptor datagrams(socket(AF_INET, SOCK_DGRAM, 0));
  const base::FileDescriptor idle(socket(AF_INET, SOCK_STREAM, 0));
  const base::FileDescriptor local(socket(AF_UNIX, SOCK_STREAM, 0));
  for (const int wrong : {datagrams.get(), idle.get(), local.get()}) {
    EXPECT_EQ(Taken({Listening(), wrong}, "audisp-remote:audisp-remote"),
              "socket 4 (audisp-remote) that systemd has passed is no TCP socket that listens");
  }
}

TEST_F(PassedSocketsTest, SaysWhatIsWrongWithTheEnvironment) {
  EXPECT_THAT(Taken({Listening()}, "audisp-remote:more:names"), HasSubstr("LISTEN_FDNAMES"));
}

tcp::endpoint At(const char* address, uint16_t port) { return {make_address(address), port}; }

ListenerOptions Places(const std::vector<const char*>& addresses, uint16_t port) {
  ListenerOptions options;
  for (const char* address : addresses) options.listen_address.push_back(make_address(address));
  options.tcp_listen_port = port;
  return options;
}

TEST(PlacesTest, SocketsSayWhereToListenIfTheConfigurationDoesNot) {
  EXPECT_TRUE(CheckPlaces({At("::", 60)}, ListenerOptions()).ok());
  EXPECT_TRUE(CheckPlaces({At("192.0.2.1", 60)}, Places({}, 60)).ok());
  EXPECT_THAT(AddressesBeside({At("::", 60)}, Places({}, 60)), IsEmpty());
}

TEST(PlacesTest, NamesBothWhereTheyDisagree) {
  EXPECT_THAT(CheckPlaces({At("::", 60)}, Places({}, 61)).message(),
              AllOf(HasSubstr(":: port 60"), HasSubstr("tcp_listen_port = 61")));
  EXPECT_THAT(
      CheckPlaces({At("192.0.2.1", 60), At("::", 60)}, Places({"192.0.2.1", "::1"}, 60)).message(),
      AllOf(HasSubstr(":: port 60"),
            HasSubstr("tcp_listen_port = 60 and listen_address = 192.0.2.1, ::1")));
}

TEST(PlacesTest, LeavesTheAddressesWithoutASocketToTheServer) {
  const ListenerOptions options = Places({"192.0.2.1", "::1"}, 60);
  EXPECT_TRUE(CheckPlaces({At("192.0.2.1", 60)}, options).ok());
  EXPECT_THAT(AddressesBeside({At("192.0.2.1", 60)}, options), ElementsAre(make_address("::1")));
}

}  // namespace
}  // namespace server
