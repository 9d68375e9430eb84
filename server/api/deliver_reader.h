// Reads DeliverRequest (proto/auspex/v1/ingest.proto) off the wire.
//
// By hand where records are, because they would else be copied twice, and kept in a message that
// each stream has. What it makes of any bytes is what protobuf's parser makes of them, but that it
// refuses a second Hello or Batch in one message, and what IngestService's contract forbids.

#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "absl/status/statusor.h"
#include <grpcpp/support/byte_buffer.h>

#include "proto/auspex/v1/ingest.pb.h"
#include "storage/batch.h"

namespace server {

// A batch that keeps the contract.
struct ReceivedBatch {
  uint64_t number = 0;
  uint64_t follows = 0;
  storage::Batch records;
  std::optional<storage::BootLosses> losses = {};
};

struct DeliverReader {
  storage::Identity agent;  // Whom batches belong to.
  std::string address;      // Of its sender.
  uint32_t records_max = 0;

  // kInvalidArgument says what of the contract is broken, and where.
  absl::StatusOr<std::variant<auspex::v1::Hello, ReceivedBatch>> Read(
      grpc::ByteBuffer* message) const;
};

}  // namespace server
