// Puts the spool into a store of this host, where no collector is configured: in place of auditd's
// log. `auspex search --store` reads it.

#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/statusor.h"

#include "client-plugin/bell.h"
#include "client-plugin/outlet.h"
#include "client-plugin/spool.h"
#include "storage/event_store.h"

namespace client_plugin {

struct StoreOutletOptions {
  std::string directory;
  std::string host;  // Whose records they are: the name of this host.

  // Between two attempts to write to a disk that fails.
  std::chrono::milliseconds retry_after{1'000};
};

class StoreOutlet : public Outlet {
 public:
  // Opens the store, and makes it if it is not there. Fails as storage::EventStore::Open() does.
  // `spool` must outlive the object.
  static absl::StatusOr<std::unique_ptr<StoreOutlet>> Open(Spool& spool,
                                                           const StoreOutletOptions& options);

  // As Stop(0).
  ~StoreOutlet() override;

  void Wake() override { bell_.Ring(); }
  void Stop(std::chrono::milliseconds time_max) override;
  OutletState state() const override;

 private:
  StoreOutlet(Spool& spool, const StoreOutletOptions& options,
              std::unique_ptr<storage::EventStore> store);

  void Run();
  bool IsLate() const;
  bool IsStopping() const;
  absl::Status StoreAll();
  absl::Status StoreSeries(const std::string& series);
  absl::Status StoreBatch(const std::string& series, uint64_t follows, const SpoolBatch& batch);
  storage::Identity Host() const;
  void Note(const absl::Status& status);

  Spool& spool_;
  const StoreOutletOptions options_;
  const std::unique_ptr<storage::EventStore> store_;
  Bell bell_;
  mutable std::mutex mutex_;  // Guards what follows.
  OutletState state_;
  std::optional<std::chrono::steady_clock::time_point> stop_by_;
  std::thread thread_;
};

}  // namespace client_plugin
