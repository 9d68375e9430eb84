// Writes the batches of IngestService.Deliver (proto/auspex/v1/ingest.proto) as they go over the
// wire.
//
// By hand, because protobuf would keep each record in a string of its own and then copy it once
// more. What it makes is what protobuf makes of the same message.

#pragma once

#include <cstdint>
#include <string>

#include <grpcpp/support/byte_buffer.h>

#include "client-plugin/spool_segment.h"

namespace client_plugin {

// A DeliverRequest with a batch that follows the one of number `follows`. `boot_id` is the
// kernel's, which losses are told of. The result keeps nothing of what it was made from.
grpc::ByteBuffer MakeBatchMessage(const SpoolBatch& batch, uint64_t follows,
                                  const std::string& boot_id);

}  // namespace client_plugin
