#include "server/host_access.h"

#include <climits>
#include <pthread.h>
#include <syslog.h>
#include <tcpd.h>
#include <tuple>
#include <unistd.h>
#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

// libwrap expects these of the program: the priorities at which the rules' "severity" option
// has it write to syslog.
int allow_severity = LOG_INFO;
int deny_severity = LOG_WARNING;

namespace asio = boost::asio;

namespace server {

namespace {

// The paths that libwrap was built with, for the time after a HostAccess.
char* const kBuiltInAllowTable = hosts_allow_table;
char* const kBuiltInDenyTable = hosts_deny_table;

void InheritNothing() { close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC); }

}  // namespace

HostAccess::HostAccess(HostAccessOptions options) : options_(std::move(options)), thread_(1) {
  // In the child of fork(2), by which libwrap runs the rules' programs. Most of our sockets are
  // Asio's and gRPC's, which are not close-on-exec.
  static const int has_handler = pthread_atfork(nullptr, nullptr, InheritNothing);
  std::ignore = has_handler;
  hosts_allow_table = options_.allow_file.data();
  hosts_deny_table = options_.deny_file.data();
  // Makes libwrap take the rules' "twist" option, which would end the process, for an error.
  resident = 1;
}

HostAccess::~HostAccess() {
  thread_.stop();
  thread_.join();
  hosts_allow_table = kBuiltInAllowTable;
  hosts_deny_table = kBuiltInDenyTable;
}

asio::awaitable<bool> HostAccess::Allows(const asio::ip::address& address) {
  // The place is taken where the question is certain to be posted: a cancelled coroutine
  // throws before it gets here.
  auto ask = [this, address](auto handler) {
    // Keeps the caller's context from running out of work while the answer is looked for.
    auto work = asio::make_work_guard(handler);
    if (!TakePlace()) {
      asio::post(work.get_executor(),
                 [handler = std::move(handler)]() mutable { std::move(handler)(false); });
      return;
    }
    asio::post(
        thread_, [this, address, work = std::move(work), handler = std::move(handler)]() mutable {
          const bool allowed = Answer(address);
          asio::dispatch(work.get_executor(), [handler = std::move(handler), allowed]() mutable {
            std::move(handler)(allowed);
          });
        });
  };
  return asio::async_initiate<const asio::use_awaitable_t<>&, void(bool)>(std::move(ask),
                                                                          asio::use_awaitable);
}

void HostAccess::Stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
}

uint64_t HostAccess::refused_at_limit() const {
  const std::lock_guard lock(mutex_);
  return refused_at_limit_;
}

bool HostAccess::TakePlace() {
  const std::lock_guard lock(mutex_);
  if (stopped_) return false;
  if (pending_ >= options_.pending_max) {
    ++refused_at_limit_;
    return false;
  }
  ++pending_;
  return true;
}

bool HostAccess::Answer(const asio::ip::address& address) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) {
      --pending_;
      return false;
    }
  }
  const asio::ip::tcp::endpoint endpoint(address, 0);
  request_info request;
  request_init(&request, RQ_DAEMON, options_.daemon.c_str(), RQ_CLIENT_SIN, endpoint.data(), 0);
  sock_methods(&request);  // The client's name is looked up only if a rule asks for it.
  const bool allowed = hosts_access(&request) != 0;

  const std::lock_guard lock(mutex_);
  --pending_;
  return allowed;
}

}  // namespace server
