// What a collector tells of its own state: to Status (proto/auspex/v1/admin.proto), and into a file
// when SIGCONT comes.

#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include <boost/asio/ip/tcp.hpp>

#include "proto/auspex/v1/admin.pb.h"
#include "server/committer.h"
#include "server/config.h"
#include "server/metrics.h"
#include "storage/event_store.h"

namespace server {

// Where one of the listeners listens.
struct NamedEndpoint {
  std::string name;
  boost::asio::ip::tcp::endpoint endpoint;
};

// So many hosts stand in a state file that somebody has asked for.
inline constexpr uint32_t kStateHosts = 20;

// What is to be in the state file, but for what has to be read from the store.
struct StateFile {
  std::string path;
  auspex::v1::StatusResponse status = {};
  uint32_t largest_hosts = 0;  // See FillHosts().
};

// Fills in how many hosts there are, what they have lost, and as many as that of those that take
// most of the store, which takes a look at the summary of each block. For any thread that may wait
// for the disk.
absl::Status FillHosts(const storage::EventStore& store, uint32_t largest_hosts,
                       std::stop_token stop, auspex::v1::StatusResponse* status);

// Writes it, in place of what was there; without hosts if the store is not open. Fails as
// base::WriteNewFile() does. For any thread that may wait for the disk.
absl::Status Write(StateFile file, const storage::EventStore& store, std::stop_token stop);

// Belongs to the network thread.
class StateReport {
 public:
  // Where it comes from. All must outlive the report.
  struct Sources {
    const Config& config;  // As it is in force.
    const storage::EventStore& store;
    const Committer& committer;
    const Counters& counters;
    std::function<std::vector<Metric>()> metrics;
    std::function<std::vector<NamedEndpoint>()> endpoints;

    // What the policies about space and retention tell of themselves. May be empty.
    std::function<void(auspex::v1::StatusResponse*)> policies;
  };

  explicit StateReport(Sources sources);

  // Fills in all but what FillHosts() does.
  void Fill(auspex::v1::StatusResponse* status) const;

  StateFile File(uint32_t largest_hosts) const;

 private:
  const Sources sources_;
  const uint64_t started_ms_;
};

}  // namespace server
