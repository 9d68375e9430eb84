#include "server/api/local_socket.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
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

#include "base/user_database.h"
#include "server/accept_loop.h"
#include "server/end_process.h"

namespace server {

namespace {

namespace asio = boost::asio;

constexpr mode_t kMode = 0660;

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
                         std::function<void(int descriptor)> serve)
    : network_(network), callers_(callers), serve_(std::move(serve)) {}

LocalSocket::~LocalSocket() { Stop(); }

LocalSocket::Opened::~Opened() {
  if (!path.empty()) unlink(path.c_str());
}

absl::StatusOr<LocalSocket::Change> LocalSocket::Prepare(const LocalSocketOptions& options) {
  Change change;
  change.options_ = options;
  change.group_ = group_;
  if (options.path.empty() || options == options_) return change;
  change.group_.reset();
  if (!options.group.empty()) {
    const absl::StatusOr<uint32_t> found = base::FindGroup(options.group);
    if (!found.ok()) {
      return absl::NotFoundError(
          absl::StrFormat("api_socket_group: there is no group %s", options.group));
    }
    change.group_ = *found;
  }
  // At the same path it waits beside the old one until it is taken.
  const std::string path = options.path + (options.path == options_.path ? ".next" : "");
  auto opened = Listen(path, change.group_);
  if (!opened.ok()) return opened.status();
  change.opened_ = *std::move(opened);
  return change;
}

void LocalSocket::Take(Change change) {
  const std::string before = std::exchange(options_, std::move(change.options_)).path;
  group_ = change.group_;
  boost::system::error_code ignored;  // Nothing is left to do about a socket we abandon.
  if (change.opened_ == nullptr) {
    if (options_.path == before) return;
  } else if (change.opened_->path != options_.path &&
             rename(change.opened_->path.c_str(), options_.path.c_str()) != 0) {
    spdlog::error("{}", base::Text(Failed(options_.path, "rename", errno)));
  }
  if (acceptor_ != nullptr) acceptor_->close(ignored);
  if (!before.empty() && before != options_.path) unlink(before.c_str());
  acceptor_.reset();
  if (change.opened_ == nullptr) return;
  change.opened_->path.clear();
  acceptor_ = std::move(change.opened_->acceptor);
  const auto failed = [this](const boost::system::error_code& error) {
    if (refusal_log_.Allow()) spdlog::error("api_socket: accept: {}", error.message());
  };
  const auto admit = [this](Protocol::socket socket) { Admit(std::move(socket)); };
  asio::co_spawn(network_, AcceptUntilClosed(acceptor_, admit, failed), EndProcessOnError);
}

absl::StatusOr<std::unique_ptr<LocalSocket::Opened>> LocalSocket::Listen(
    const std::string& path, std::optional<gid_t> group) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return Failed(path, "the path is too long", ENAMETOOLONG);
  }
  const Protocol::endpoint endpoint(path);
  boost::system::error_code error;
  Protocol::socket probe(network_);
  probe.connect(endpoint, error);
  if (!error) return Failed(path, "another server", EADDRINUSE);
  struct stat there {};
  if (lstat(path.c_str(), &there) == 0) {
    if (!S_ISSOCK(there.st_mode)) return Failed(path, "is no socket", EEXIST);
    unlink(path.c_str());
  }
  const auto acceptor = std::make_shared<Protocol::acceptor>(network_);
  acceptor->open(endpoint.protocol(), error);
  // Closed to all until it belongs to whom it should: the file has the mode that the socket had.
  if (!error) fchmod(acceptor->native_handle(), 0);
  if (!error) acceptor->bind(endpoint, error);
  if (error) return Failed(path, "cannot bind", error.value());
  auto opened = std::make_unique<Opened>(acceptor, path);
  if (group && chown(path.c_str(), static_cast<uid_t>(-1), *group) != 0) {
    return Failed(path, "cannot be given to the group", errno);
  }
  if (chmod(path.c_str(), kMode) != 0) return Failed(path, "chmod", errno);
  acceptor->listen(asio::socket_base::max_listen_connections, error);
  if (error) return Failed(path, "cannot listen", error.value());
  return opened;
}

void LocalSocket::Stop() {
  if (acceptor_ == nullptr || !acceptor_->is_open()) return;
  boost::system::error_code ignored;  // Nothing is left to do about a socket we abandon.
  acceptor_->close(ignored);
  unlink(options_.path.c_str());
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
