#include "client-plugin/current_outlet.h"

#include <array>
#include <unistd.h>
#include <utility>

#include "base/log.h"
#include "client-plugin/sender.h"
#include "client-plugin/store_outlet.h"

namespace client_plugin {

namespace {

std::string HostName() {
  std::array<char, 256> name{};
  const bool has_name = gethostname(name.data(), name.size() - 1) == 0 && name[0] != '\0';
  return has_name ? name.data() : "localhost";
}

}  // namespace

absl::Status CurrentOutlet::Use(const AgentConfig& config) {
  const bool keeps_its_store = outlet_ != nullptr && config.servers.empty() &&
                               config_.servers.empty() &&
                               config.store_directory == config_.store_directory;
  if (keeps_its_store) return absl::OkStatus();
  const bool had_one = outlet_ != nullptr;
  Stop(std::chrono::milliseconds(0));
  const absl::Status made = Make(config);
  if (made.ok()) {
    config_ = config;
  } else if (had_one) {
    const absl::Status as_before = Make(config_);
    if (!as_before.ok()) {
      spdlog::error("nothing is delivered until the next reload: {}",
                    std::string(as_before.message()));
    }
  }
  return made;
}

absl::Status CurrentOutlet::Make(const AgentConfig& config) {
  std::unique_ptr<Outlet> made;
  if (config.servers.empty()) {
    auto store =
        StoreOutlet::Open(spool_, {.directory = config.store_directory, .host = HostName()});
    if (!store.ok()) return store.status();
    made = *std::move(store);
  } else {
    made = std::make_unique<Sender>(spool_, SenderOptions{.servers = config.servers,
                                                          .tls = config.tls,
                                                          .server_name = config.server_name});
  }
  const std::lock_guard lock(mutex_);
  outlet_ = std::move(made);
  return absl::OkStatus();
}

void CurrentOutlet::Stop(std::chrono::milliseconds time_max) {
  if (outlet_ == nullptr) return;
  outlet_->Stop(time_max);  // It can be asked about meanwhile.
  std::unique_ptr<Outlet> ended;
  const std::lock_guard lock(mutex_);
  ended = std::exchange(outlet_, nullptr);
}

void CurrentOutlet::Wake() {
  const std::lock_guard lock(mutex_);
  if (outlet_) outlet_->Wake();
}

OutletState CurrentOutlet::state() const {
  const std::lock_guard lock(mutex_);
  return outlet_ ? outlet_->state() : OutletState();
}

}  // namespace client_plugin
