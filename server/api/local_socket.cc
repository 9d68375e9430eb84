#include "server/api/local_socket.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/user_database.h"
#include "server/end_process.h"

namespace server {

namespace {

namespace asio = boost::asio;

constexpr mode_t kMode = 0660;

// After a failure of accept(2), which is mostly a want of descriptors.
constexpr std::chrono::milliseconds kPause{100};

absl::Status Failed(const std::string& path, const char* what, int error) {
  return absl::UnavailableError(
      absl::StrFormat("api_socket %s: %s: %s", path, what, strerror(error)));
}

}  // namespace

void LocalCallers::Add(int descriptor, const LocalCaller& caller) {
  const std::lock_guard lock(mutex_);
  callers_[absl::StrCat("fd:", descriptor)] = caller;  // So gRPC calls it.
}

std::optional<LocalCaller> LocalCallers::Find(const std::string& peer) const {
  const std::lock_guard lock(mutex_);
  const auto found = callers_.find(peer);
  if (found == callers_.end()) return std::nullopt;
  return found->second;
}

LocalSocket::LocalSocket(asio::io_context& network, LocalCallers& callers,
                         const LocalSocketOptions& options,
                         std::function<void(int descriptor)> serve)
    : network_(network), callers_(callers), options_(options), serve_(std::move(serve)) {}

LocalSocket::~LocalSocket() { Stop(); }

absl::Status LocalSocket::Start() {
  if (options_.path.empty()) return absl::OkStatus();
  if (!options_.group.empty()) {
    const absl::StatusOr<uint32_t> found = base::FindGroup(options_.group);
    if (!found.ok()) {
      return absl::NotFoundError(
          absl::StrFormat("api_socket_group: there is no group %s", options_.group));
    }
    group_ = *found;
  }
  const absl::Status listening = Listen(group_);
  if (!listening.ok()) return listening;
  asio::co_spawn(network_, AcceptFrom(acceptor_), EndProcessOnError);
  return absl::OkStatus();
}

absl::Status LocalSocket::Listen(std::optional<gid_t> group) {
  if (options_.path.size() >= sizeof(sockaddr_un::sun_path)) {
    return Failed(options_.path, "the path is too long", ENAMETOOLONG);
  }
  const Protocol::endpoint endpoint(options_.path);
  boost::system::error_code error;
  Protocol::socket probe(network_);
  probe.connect(endpoint, error);
  if (!error) return Failed(options_.path, "another server", EADDRINUSE);
  struct stat there {};
  if (lstat(options_.path.c_str(), &there) == 0) {
    if (!S_ISSOCK(there.st_mode)) return Failed(options_.path, "is no socket", EEXIST);
    unlink(options_.path.c_str());
  }
  acceptor_ = std::make_shared<Protocol::acceptor>(network_);
  acceptor_->open(endpoint.protocol(), error);
  // Closed to all until it belongs to whom it should.
  const mode_t before = umask(0777);
  if (!error) acceptor_->bind(endpoint, error);
  umask(before);
  if (error) return Failed(options_.path, "cannot bind", error.value());
  if (group && chown(options_.path.c_str(), static_cast<uid_t>(-1), *group) != 0) {
    return Failed(options_.path, "cannot be given to the group", errno);
  }
  if (chmod(options_.path.c_str(), kMode) != 0) return Failed(options_.path, "chmod", errno);
  acceptor_->listen(asio::socket_base::max_listen_connections, error);
  if (error) return Failed(options_.path, "cannot listen", error.value());
  return absl::OkStatus();
}

void LocalSocket::Stop() {
  if (acceptor_ == nullptr || !acceptor_->is_open()) return;
  boost::system::error_code ignored;  // Nothing is left to do about it.
  acceptor_->close(ignored);
  unlink(options_.path.c_str());
}

asio::awaitable<void> LocalSocket::AcceptFrom(Acceptor acceptor) {
  while (acceptor->is_open()) {
    boost::system::error_code error;
    Protocol::socket socket =
        co_await acceptor->async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (!acceptor->is_open()) co_return;
    if (!error) {
      Admit(std::move(socket));
      continue;
    }
    if (refusal_log_.Allow()) spdlog::error("api_socket: accept: {}", error.message());
    asio::steady_timer pause(network_, kPause);
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
}

void LocalSocket::Admit(Protocol::socket socket) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return;
  if (!MayConnect(socket.native_handle(), peer.uid, peer.gid)) {
    if (refusal_log_.Allow()) {
      spdlog::warn("api_socket: refused uid={} pid={}", peer.uid, peer.pid);
    }
    return;
  }
  const int descriptor = socket.release();
  fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
  callers_.Add(descriptor, {.uid = peer.uid, .pid = peer.pid});
  serve_(descriptor);
}

// Whose server it is may, too: it can read the store anyway.
bool LocalSocket::MayConnect(int descriptor, uid_t uid, gid_t gid) const {
  if (uid == 0 || uid == geteuid()) return true;
  if (!group_) return false;
  if (gid == *group_) return true;
  std::vector<gid_t> groups(NGROUPS_MAX);
  auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  if (getsockopt(descriptor, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) != 0) return false;
  groups.resize(size / sizeof(gid_t));
  return std::ranges::find(groups, *group_) != groups.end();
}

}  // namespace server
