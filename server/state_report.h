// What a collector tells of its own state: to Status (proto/auspex/v1/admin.proto), and into a file
// when SIGCONT comes.

#pragma once

#include <functional>
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

struct StateFile {
  std::string path;
  std::string text;
};

// Writes it, in place of what was there. Fails as base::WriteNewFile() does. For any thread that
// may wait for the disk.
absl::Status Write(const StateFile& file);

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

  // Fills in all but what has to be read from the store: hosts, and what they have lost.
  void Fill(auspex::v1::StatusResponse* status) const;

  // What is to be in the state file.
  StateFile File() const;

 private:
  const Sources sources_;
  const uint64_t started_ms_;
};

}  // namespace server
