// A stream of IngestService: batches go out, acknowledgements come back.

#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>

#include "client-plugin/bell.h"
#include "client-plugin/spool_segment.h"
#include "proto/auspex/v1/ingest.grpc.pb.h"

namespace client_plugin {

// gRPC calls it on its own threads, the owner on one of his.
class DeliverStream
    : private grpc::ClientBidiReactor<grpc::ByteBuffer, auspex::v1::DeliverResponse> {
 public:
  // Says Hello for a series. `bell` is rung whenever state() has changed; it must outlive the
  // object.
  DeliverStream(const std::shared_ptr<grpc::Channel>& channel, const std::string& series,
                Bell& bell);

  DeliverStream(const DeliverStream&) = delete;

  // Cuts it off, if it has not ended, and waits for that.
  ~DeliverStream() override;

  struct State {
    std::optional<auspex::v1::Welcome> welcome;  // Before that nothing may be sent.
    uint64_t acknowledged = 0;                   // The highest number that was.
    std::optional<auspex::v1::Gap> gap;          // That came since the last call of state().
    bool is_writing = true;                      // Then nothing may be sent either.
    std::optional<grpc::Status> end;             // When it has ended.
  };
  State state();

  // Sends a batch. Returns the bytes of its message.
  size_t Send(const SpoolBatch& batch, uint64_t follows, const std::string& boot_id);

  // Lets it end when all that was sent is acknowledged. Nothing may be sent any more.
  void EndSending();

 private:
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  Bell& bell_;
  grpc::ClientContext context_;
  grpc::TemplatedGenericStub<grpc::ByteBuffer, auspex::v1::DeliverResponse> stub_;
  grpc::ByteBuffer request_;  // What is being written.
  auspex::v1::DeliverResponse response_;

  std::mutex mutex_;  // Guards what follows.
  std::condition_variable ended_;
  State state_;
  bool has_read_all_ = false;  // Nothing may be written any more.
};

}  // namespace client_plugin
