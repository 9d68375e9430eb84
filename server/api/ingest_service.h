// IngestService (proto/auspex/v1/ingest.proto): what agents deliver, on its way to the committer.
//
// gRPC calls us on threads of its own. There a message is checked and made a delivery; everything
// else a stream does on the network thread, where the committer and the counters are.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/log.h"
#include "proto/auspex/v1/ingest.grpc.pb.h"
#include "server/api/grpc_callers.h"
#include "server/committer.h"
#include "server/host_sessions.h"
#include "server/own_records.h"
#include "server/quotas.h"

namespace server {

struct IngestLimits {
  // Streams at once, of all agents: what a collector is made for.
  size_t streams_max = 20'000;

  // Of one batch: gRPC's usual limit for a message, and about the records that fit.
  uint32_t batch_bytes_max = 4 << 20;
  uint32_t batch_records_max = 65'536;

  // Read and not yet acknowledged, of one stream: two batches, so that one is on its way while the
  // other is stored.
  uint32_t unacknowledged_bytes_max = 8 << 20;

  // An agent that has begun a stream says Hello within this.
  std::chrono::milliseconds hello_time{10'000};

  // How long an agent may have to wait by its quotas. It waits for 30 s for an acknowledgement.
  std::chrono::milliseconds quota_delay_max{10'000};

  // A stream that is to end has so long to take what is left to be said to it. Then it is cut off.
  std::chrono::milliseconds end_time{5'000};
};

class IngestService : public auspex::v1::IngestService::WithRawCallbackMethod_Deliver<
                          auspex::v1::IngestService::Service> {
 public:
  // All must outlive the service, and the network must run until Stop() has returned.
  IngestService(boost::asio::io_context& network, Committer& committer, OwnRecords& own_records,
                Counters& counters, HostSessions& host_sessions, Quotas& quotas,
                const GrpcCallers& callers, const IngestLimits& limits);

  // Called by gRPC.
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Deliver(
      grpc::CallbackServerContext* context) override;

  // Ends the streams of whoever is no agent any more. To be called on the network thread when the
  // rules of access have changed.
  void EndRevoked();

  // Refuses new streams, ends all there are in good order, and returns when they have ended. False
  // if some had to be cut off. On the network thread.
  boost::asio::awaitable<bool> Stop();

 private:
  class Stream;

  void Begin(const std::shared_ptr<Stream>& stream);
  void Forget(const std::shared_ptr<Stream>& stream);

  boost::asio::io_context& network_;
  Committer& committer_;
  OwnRecords& own_records_;
  Counters& counters_;
  HostSessions& host_sessions_;
  Quotas& quotas_;
  const GrpcCallers& callers_;
  const IngestLimits limits_;

  // Of the network thread.
  absl::flat_hash_set<std::shared_ptr<Stream>> streams_;
  absl::flat_hash_map<std::string, Stream*> by_agent_;  // The newest of each.
  bool stopping_ = false;
  bool in_good_order_ = true;
  boost::asio::steady_timer ended_;  // Cancelled when the last stream has ended.
  base::LogLimit stream_log_{200};
};

}  // namespace server
