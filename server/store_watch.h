// What happens in the store, on threads of its own, told on the network thread.

#pragma once

#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include <boost/asio/io_context.hpp>

#include "base/log.h"
#include "server/counters.h"
#include "server/own_records.h"
#include "server/retention_keeper.h"

namespace server {

// Hears of what fails inside of the store.
class StoreWatch {
 public:
  // Both must outlive it.
  StoreWatch(boost::asio::io_context& network, Counters& counters)
      : network_(network), counters_(counters) {}

  // For any thread.
  void Hear(const absl::Status& problem);

  // From now on they are stored, too. Null at the end. On the network thread.
  void TellTo(OwnRecords* own_records) { own_records_ = own_records; }

  // From now on `told` hears of them, too. On the network thread.
  void TellTo(std::function<void(const absl::Status&)> told) { told_ = std::move(told); }

 private:
  boost::asio::io_context& network_;
  Counters& counters_;
  OwnRecords* own_records_ = nullptr;
  std::function<void(const absl::Status&)> told_;
  base::LogLimit error_log_{1};
};

// Count what is deleted, write it down, and log what fails. All must outlive them.
RetentionCallbacks TellOfDeletions(boost::asio::io_context& network, OwnRecords& own_records,
                                   Counters& counters);

}  // namespace server
