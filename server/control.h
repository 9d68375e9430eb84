// What signals and administrators ask of a collector that runs: to read its configuration again, to
// seal, to go on, to tell of its state, to stop.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "server/api/api_server.h"
#include "server/committer.h"
#include "server/config.h"
#include "server/counters.h"
#include "server/listener.h"
#include "server/own_records.h"
#include "server/quotas.h"
#include "server/retention_keeper.h"
#include "server/service_notify.h"
#include "server/space/space_watch.h"
#include "server/state_report.h"
#include "storage/event_store.h"

namespace server {

storage::StoreOptions StoreOptionsOf(const Config& config);

// Seals what is open. Says in the log if it fails.
void SealStore(storage::EventStore& store);

// One line for each key that is wrong.
void LogWrong(const ParsedConfig& parsed);

// Warns if what is acknowledged may be lost.
void LogWeakFlush(storage::Flush flush);

// One line for each place where something listens; of the listener, also if it listens nowhere.
void LogEndpoints(const char* what, const std::vector<boost::asio::ip::tcp::endpoint>& endpoints);
void LogEndpoints(const char* what, const Listener& listener);

// What a collector is made of. All of it outlives the control.
struct Collector {
  boost::asio::io_context& network;
  storage::EventStore& store;
  Committer& committer;
  RetentionKeeper& retention;
  SpaceWatch& space;
  OwnRecords& own_records;
  Quotas& quotas;
  Listener& listener;
  ApiServer& api;
  ServiceNotify& service;
  const Counters& counters;
};

// Belongs to the network thread.
class Control {
 public:
  // `config` is what was read from the file, and is in force.
  Control(const Collector& collector, const std::string& config_file, const Config& config);

  // Does what signals ask, until one of them has stopped the network.
  boost::asio::awaitable<void> HandleSignals();

  // Reads the configuration and all files that it names, and opens the ports. If one of them is
  // wrong, or not to be had, the old configuration stays, all of it, and the failure says which. It
  // is said in the log and in a record, either way.
  absl::Status Reload();

  void Seal();

  // Stops to take in records, or goes on with it; the latter also after a full disk.
  void SetSuspended(bool suspended);

  void FillStatus(auspex::v1::StatusResponse* status) const { state_report_.Fill(status); }

  // With `largest_hosts` of the hosts: see FillHosts().
  StateFile State(uint32_t largest_hosts) const { return state_report_.File(largest_hosts); }

  const std::string& backup_dir() const { return config_.store.backup_dir; }

  // Whether all sessions ended in good order.
  bool in_good_order() const { return in_good_order_; }

 private:
  absl::Status RefuseReload(const absl::Status& why);
  std::vector<NamedEndpoint> Endpoints() const;
  void FillPolicies(auspex::v1::StatusResponse* status) const;
  void WriteState(uint32_t largest_hosts);
  void WriteStateAtIntervals();
  void Use(const Config& config);
  void Move(ApiServer::Change api, Listening::Move listening);
  void EndAtOnceOnNextSignal();
  boost::asio::awaitable<void> Stop();

  const Collector collector_;
  const std::string config_file_;
  Config config_;
  const StateReport state_report_;
  boost::asio::steady_timer report_timer_;
  boost::asio::thread_pool state_writer_{1};
  boost::asio::signal_set signals_;
  bool is_stopping_ = false;
  bool in_good_order_ = true;
};

}  // namespace server
