#include "server/service_notify.h"

#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include <boost/asio/post.hpp>
#include <systemd/sd-daemon.h>

#include "base/log.h"
#include "server/disk_waits.h"

namespace server {

namespace {

constexpr char kAlive[] = "WATCHDOG=1";

// By which systemd knows whether READY=1 has followed a RELOADING=1 or came before.
int64_t MonotonicUs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

std::chrono::microseconds WatchIntervalOf() {
  uint64_t watchdog_us = 0;
  if (sd_watchdog_enabled(0, &watchdog_us) <= 0) return std::chrono::microseconds(0);
  return std::chrono::microseconds(watchdog_us / 4);
}

}  // namespace

ServiceNotify::ServiceNotify(boost::asio::io_context& network, Sources sources,
                             const ServiceNotifyOptions& options)
    : network_(network),
      sources_(std::move(sources)),
      options_(options),
      is_on_(std::getenv("NOTIFY_SOCKET") != nullptr),
      status_timer_(network),
      watch_interval_(is_on_ ? WatchIntervalOf() : std::chrono::microseconds(0)),
      watch_timer_(network) {}

void ServiceNotify::Ready() {
  if (!is_on_) return;
  told_ = Status();
  Send(absl::StrCat("READY=1\nSTATUS=", told_));
  WatchStatus();
  if (watch_interval_.count() > 0) WatchThreads();
}

void ServiceNotify::BeginReload() {
  Send(absl::StrCat("RELOADING=1\nMONOTONIC_USEC=", MonotonicUs(), "\nSTATUS=reloads"));
}

void ServiceNotify::EndReload() {
  told_ = Status();
  Send(absl::StrCat("READY=1\nSTATUS=", told_));
}

void ServiceNotify::Stopping() {
  Send("STOPPING=1\nSTATUS=stops");
  is_stopping_ = true;
  status_timer_.cancel();
  watch_timer_.cancel();
}

// A failure is systemd's: a service that cannot tell it is not worse for that.
void ServiceNotify::Send(const std::string& text) {
  if (is_on_ && !is_stopping_) sd_notify(0, text.c_str());
}

std::string ServiceNotify::Status() const {
  return absl::StrCat(disk_hangs_ ? "waits for the disk; " : "", sources_.status());
}

void ServiceNotify::WatchStatus() {
  status_timer_.expires_after(options_.status_interval);
  status_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled || is_stopping_) return;
    std::string status = Status();
    if (status != told_) {
      told_ = std::move(status);
      Send(absl::StrCat("STATUS=", told_));
    }
    WatchStatus();
  });
}

void ServiceNotify::WatchThreads() {
  if (!awaits_committer_) {
    AskCommitter();
  } else if (WaitsForDisk()) {
    if (!std::exchange(disk_hangs_, true)) spdlog::error("the disk does not answer");
    Send(kAlive);
  }
  watch_timer_.expires_after(watch_interval_);
  watch_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled && !is_stopping_) WatchThreads();
  });
}

// The committer may answer when this is gone already, but not when the network is.
void ServiceNotify::AskCommitter() {
  awaits_committer_ = true;
  sources_.ask_committer(
      [this, &network = network_] { boost::asio::post(network, [this] { HearCommitter(); }); });
}

void ServiceNotify::HearCommitter() {
  awaits_committer_ = false;
  if (std::exchange(disk_hangs_, false)) spdlog::info("the disk answers again");
  Send(kAlive);
}

}  // namespace server
