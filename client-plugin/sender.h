// Delivers the spool to a collector, over TLS gRPC: each batch once, whoever stops or dies in
// between.
//
// The collectors that are configured are tried in their order, the first one first. When one cannot
// be reached, does not answer or refuses, the next one is; when all have failed, after a pause that
// grows, with jitter: a fleet must not come back in step. Who is at another than the first one
// returns to that after a while.
//
// What is new does not wait for what an outage has left: beyond a limit it gets a series of its
// own, and the series take turns.

#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include <grpcpp/channel.h>

#include "client-plugin/deliver_stream.h"
#include "client-plugin/outlet.h"
#include "client-plugin/spool.h"

namespace client_plugin {

// PEM files. They are read for each connection: a certificate that was renewed counts then.
struct TlsFiles {
  std::string certificate;
  std::string key;
  std::string ca;

  friend bool operator==(const TlsFiles&, const TlsFiles&) = default;
};

struct SenderOptions {
  std::vector<std::string> servers = {};  // HOST:PORT, in the order of preference. At least one.
  TlsFiles tls = {};
  std::string server_name = {};  // In the collectors' certificates; empty: that of the address.

  // A collector that does not welcome or acknowledge for so long is given up. One that waits for a
  // slow disk says nothing for a second or two.
  std::chrono::milliseconds answer_time_max{30'000};

  // Between two attempts at all collectors: the first pause, and the longest.
  std::chrono::milliseconds pause_min{1'000};
  std::chrono::milliseconds pause_max{60'000};

  // How long it stays with another collector than the first one.
  std::chrono::milliseconds return_after{300'000};

  // How long the turn of an older series is while a newer one waits.
  std::chrono::milliseconds turn{1'000};

  // A series that has more than this when a collector is reached ends: what is new begins another.
  uint64_t far_behind_bytes = 8 << 20;

  // Of messages that are not acknowledged; or less, if the collector wants less.
  size_t unacknowledged_bytes_max = 3 << 20;
};

// Makes gRPC speak TLS 1.3 only, and nothing to people. To be called before it is used.
void PrepareGrpc();

class Sender : public Outlet {
 public:
  // Begins. `spool` must outlive the object.
  Sender(Spool& spool, const SenderOptions& options);

  Sender(const Sender&) = delete;

  // As Stop(0).
  ~Sender() override;

  void Wake() override { bell_.Ring(); }
  void Stop(std::chrono::milliseconds time_max) override;
  OutletState state() const override;

 private:
  using Clock = std::chrono::steady_clock;

  struct Sent {
    uint64_t number;
    size_t bytes;
    uint32_t records;
    Clock::time_point at;
  };

  // A series that is being delivered.
  struct Delivery {
    std::string series;
    size_t server;
    Clock::time_point began;
    uint64_t welcomed_at = 0;  // The number that the collector had at the beginning.
    bool has_sent = false;
    uint64_t sent = 0;  // The number of the last batch that was, and all before it.
    std::deque<Sent> unacknowledged = {};
    size_t unacknowledged_bytes = 0;
    size_t unacknowledged_bytes_max = 0;
  };

  void Run();
  bool IsDone() const;
  void Pause();
  absl::Status Serve(size_t server);
  absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const std::string& server) const;
  std::string ChooseSeries() const;
  absl::Status Deliver(const std::shared_ptr<grpc::Channel>& channel, size_t server);
  absl::Status AwaitWelcome(DeliverStream& stream, Delivery* delivery);
  absl::Status Welcomed(const auspex::v1::Welcome& welcome, Delivery* delivery);
  void NoteRefusal(const Delivery& delivery);
  absl::Status SendAll(DeliverStream& stream, Delivery* delivery);
  absl::StatusOr<bool> SendNext(DeliverStream& stream, Delivery* delivery);
  absl::Status Settle(const DeliverStream::State& state, Delivery* delivery);
  absl::Status End(DeliverStream& stream, Delivery* delivery);
  bool IsToEnd(const Delivery& delivery) const;
  bool ShallReturn(size_t server) const;
  Clock::time_point WakeAt(const Delivery& delivery) const;
  void Connected(size_t server, const std::string& software);
  void Failed(size_t server, const absl::Status& why);

  std::optional<Clock::time_point> stop_by() const;

  Spool& spool_;
  const SenderOptions options_;
  Bell bell_;

  // What follows is for the thread.
  std::minstd_rand random_{std::random_device()()};
  std::chrono::milliseconds pause_;
  bool has_progressed_ = false;  // A collector has taken something since the last pause.
  std::string last_series_;      // Whose turn was last.
  Clock::time_point connected_at_ = {};
  std::vector<std::string> problems_;  // Of each collector, as it was said last.

  // A batch that was refused as malformed: the number before it, its series, and how often.
  uint64_t refused_behind_ = 0;
  std::string refused_series_;
  int refusals_ = 0;

  mutable std::mutex mutex_;  // Guards what follows.
  OutletState state_;
  std::optional<Clock::time_point> stop_by_;
  std::thread thread_;
};

}  // namespace client_plugin
