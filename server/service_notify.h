// What systemd hears from the server that it has started (sd_notify(3)): that it serves, reloads
// its configuration or stops; a line for `systemctl status`; and, with WatchdogSec= in its unit,
// that it is alive. Without NOTIFY_SOCKET in the environment nobody is told anything.
//
// It is alive if both threads run that an acknowledgement needs: the network's, which this class
// has its timer on, and the committer's, which is asked each time to do something between two
// commits. If one of them hangs, nothing is acknowledged any more, and systemd ends the process and
// starts it again. That loses nothing that was acknowledged, and clients send the rest again.
//
// A disk that does not answer is not a reason for that. A thread that waits for one sees no signal
// before the disk answers, SIGABRT and SIGKILL included: until then the process, its lock on the
// store and its sockets would stay, and what systemd starts in its place could not open the store.
// And once the disk answers, all goes on by itself, as it does where a disk is so slow that many
// waits, each of them short, make one answer of the committer. So the server is also alive if the
// committer has not answered while a thread is in a wait of that kind; the status and the log say
// so. What hangs otherwise, in a lock or in a file system that is a program, can be ended, and is:
// it can be taken for a disk as long as other threads work on one.

#pragma once

#include <chrono>
#include <functional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace server {

struct ServiceNotifyOptions {
  // How often the line is told anew, if it has changed: `systemctl status` is read by people.
  std::chrono::milliseconds status_interval{5000};
};

// Belongs to the network thread.
class ServiceNotify {
 public:
  struct Sources {
    // Has the committer's thread call `answer`, once, between two commits.
    std::function<void(std::function<void()> answer)> ask_committer;

    // The line, without a newline.
    std::function<std::string()> status;
  };

  // `network` must outlive whoever holds an `answer`. It must not run when this is destroyed.
  ServiceNotify(boost::asio::io_context& network, Sources sources,
                const ServiceNotifyOptions& options = {});

  // It serves. From here on it tells that it is alive, at intervals of a quarter of WatchdogSec:
  // the committer has an interval to answer in, and a slow disk may be missed by three looks.
  void Ready();

  // A reload begins, and ends, whatever came of it.
  void BeginReload();
  void EndReload();

  // It stops to serve. systemd has other limits for how long that may take: nothing is told any
  // more.
  void Stopping();

 private:
  void Send(const std::string& text);
  std::string Status() const;
  void WatchStatus();
  void WatchThreads();
  void AskCommitter();
  void HearCommitter();

  boost::asio::io_context& network_;
  const Sources sources_;
  const ServiceNotifyOptions options_;
  const bool is_on_;
  bool is_stopping_ = false;
  std::string told_;  // The line that was told last.
  boost::asio::steady_timer status_timer_;

  std::chrono::microseconds watch_interval_{0};  // 0: nobody wants to know.
  bool awaits_committer_ = false;
  bool disk_hangs_ = false;
  boost::asio::steady_timer watch_timer_;
};

}  // namespace server
