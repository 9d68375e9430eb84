// The way out of the spool, which can be another after a reload.

#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"

#include "client-plugin/agent_config.h"
#include "client-plugin/outlet.h"
#include "client-plugin/spool.h"

namespace client_plugin {

// Wake() and state() are for any thread, the rest for one.
class CurrentOutlet {
 public:
  // The spool must outlive the object.
  explicit CurrentOutlet(Spool& spool) : spool_(spool) {}

  CurrentOutlet(const CurrentOutlet&) = delete;

  // Delivers as a configuration says: to its collectors, or else into its store. Connections are
  // made anew, since the files of TLS can be others under the same names. After a failure it
  // delivers as before, if it did.
  absl::Status Use(const AgentConfig& config);

  // As Outlet::Stop(). Nothing is delivered then.
  void Stop(std::chrono::milliseconds time_max);

  void Wake();
  OutletState state() const;

 private:
  absl::Status Make(const AgentConfig& config);

  Spool& spool_;
  AgentConfig config_;        // What it delivers by.
  mutable std::mutex mutex_;  // Guards what follows.
  std::unique_ptr<Outlet> outlet_;
};

}  // namespace client_plugin
