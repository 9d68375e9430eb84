// The access rules of tcp_wrappers: hosts.allow and hosts.deny, see hosts_access(5).

#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/thread_pool.hpp>

namespace server {

struct HostAccessOptions {
  // The name in the rules. auditd's, so that its rules keep their effect.
  std::string daemon = "auditd";

  std::string allow_file = "/etc/hosts.allow";
  std::string deny_file = "/etc/hosts.deny";

  // Questions that may wait for an answer. A rule with a host name asks the DNS, one client at
  // a time, so a queue that is much longer only answers clients that have given up.
  size_t pending_max = 256;
};

// Tells whether a client may connect. The files are read anew for each question, as libwrap
// does, so a change of them needs no reload. Rules that ask for a user name (user@host) or for
// the server's address (auditd@address) match no one.
//
// Questions are answered one after the other on a thread of their own, because libwrap may
// wait for the DNS and is not reentrant. libwrap keeps the paths of both files in variables of
// the process: at most one HostAccess may exist at a time.
class HostAccess {
 public:
  explicit HostAccess(HostAccessOptions options);

  // Waits for the question that is being answered, which can take as long as the DNS. Those
  // behind it are dropped: their coroutines are destroyed without an answer. Destroy it before
  // the io_context of the coroutines that ask.
  ~HostAccess();

  HostAccess(const HostAccess&) = delete;
  HostAccess& operator=(const HostAccess&) = delete;

  // True if the rules let `address` connect; an IPv4 address inside an IPv6 one is taken as
  // IPv4. False if they do not, after Stop(), and when pending_max questions wait already. May
  // be called from any thread; resumes on the executor of the caller. The object must outlive
  // the wait.
  boost::asio::awaitable<bool> Allows(const boost::asio::ip::address& address);

  // Answers "no" to all that wait, except to the question that is being answered. May be
  // called from any thread, and more than once.
  void Stop();

  // How many questions were answered "no" because too many waited.
  uint64_t refused_at_limit() const;

 private:
  // True if there was room for one more question, which then counts as pending.
  bool TakePlace();
  bool Answer(const boost::asio::ip::address& address);

  HostAccessOptions options_;

  mutable std::mutex mutex_;
  size_t pending_ = 0;             // Guarded by mutex_.
  uint64_t refused_at_limit_ = 0;  // Guarded by mutex_.
  bool stopped_ = false;           // Guarded by mutex_.

  boost::asio::thread_pool thread_;
};

}  // namespace server
