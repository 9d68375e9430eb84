// Messages of agents: what is read is what protobuf's own parser reads, however the bytes are cut
// into slices, and keeps the contract.

#include <algorithm>
#include <string>
#include <vector>

#include <google/protobuf/stubs/logging.h>
#include <grpcpp/impl/grpc_library.h>
#include <grpcpp/support/slice.h>

#include "api/host_message.h"
#include "audit/record.h"
#include "server/api/deliver_reader.h"
#include "storage/journal.h"
#include "tests/fuzz/fuzz.h"

namespace {

// Slices are made before anything else of gRPC is used.
const grpc::internal::GrpcLibraryInitializer kGrpc;

constexpr uint32_t kRecordsMax = 100;

using auspex::v1::DeliverRequest;

// Slices of `size` bytes.
grpc::ByteBuffer Cut(const std::string& bytes, size_t size) {
  std::vector<grpc::Slice> slices;
  for (size_t begin = 0; begin < bytes.size(); begin += size) {
    slices.emplace_back(bytes.data() + begin, std::min(size, bytes.size() - begin));
  }
  if (slices.empty()) slices.emplace_back();
  return {slices.data(), slices.size()};
}

bool KeepsTheContract(const auspex::v1::Batch& batch) {
  const auto is_good = [](const std::string& record) {
    return !record.empty() && record.size() <= audit::kRecordBytesMax &&
           record.find('\n') == std::string::npos;
  };
  const std::string& boot_id = batch.losses().boot_id();
  return batch.number() > batch.follows() && batch.records_size() > 0 &&
         batch.records_size() <= static_cast<int>(kRecordsMax) &&
         std::ranges::all_of(batch.records(), is_good) &&
         (!batch.has_losses() || (!boot_id.empty() && boot_id.size() <= 64));
}

void CheckBatch(const server::ReceivedBatch& read, const auspex::v1::Batch& batch) {
  fuzz::Check(KeepsTheContract(batch));
  fuzz::Check(read.number == batch.number() && read.follows == batch.follows());
  fuzz::Check(read.records.record_count() == static_cast<uint32_t>(batch.records_size()));
  storage::Batch expected(read.records.host(), read.records.address());
  for (const std::string& record : batch.records()) expected.Add(record);
  fuzz::Check(read.records.encoded() == expected.encoded());
  fuzz::Check(read.losses.has_value() == batch.has_losses());
  if (read.losses) fuzz::Check(*read.losses == api::LossesOf(batch.losses()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  [[maybe_unused]] static const auto silenced = google::protobuf::SetLogHandler(nullptr);
  const std::string input = fuzz::Input(data, size);
  DeliverRequest message;
  const bool is_message = message.ParseFromString(input);
  const server::DeliverReader reader{
      .agent = {.kind = storage::IdentityKind::kCertificate, .name = "web1"},
      .address = "192.0.2.7",
      .records_max = kRecordsMax};
  for (const size_t slice_bytes : {size_t{1}, size_t{7}, input.size() + 1}) {
    grpc::ByteBuffer buffer = Cut(input, slice_bytes);
    const auto read = reader.Read(&buffer);
    if (!read.ok()) {
      fuzz::Check(absl::IsInvalidArgument(read.status()));
      const bool is_double =
          std::string(read.status().message()).find("more than one") != std::string::npos;
      fuzz::Check(is_double || !is_message || !message.has_batch() ||
                  !KeepsTheContract(message.batch()));
      continue;
    }
    fuzz::Check(is_message);
    if (const auto* const hello = std::get_if<auspex::v1::Hello>(&*read)) {
      fuzz::Check(message.has_hello() && hello->boot_id() == message.hello().boot_id());
    } else {
      fuzz::Check(message.has_batch());
      CheckBatch(std::get<server::ReceivedBatch>(*read), message.batch());
    }
  }
  return 0;
}
