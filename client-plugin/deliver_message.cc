#include "client-plugin/deliver_message.h"

#include <cassert>
#include <string_view>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/slice.h>

#include "proto/auspex/v1/ingest.pb.h"

namespace client_plugin {

namespace {

using auspex::v1::Batch;
using auspex::v1::DeliverRequest;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

constexpr uint32_t TagOf(int field, WireFormatLite::WireType type) {
  return WireFormatLite::MakeTag(field, type);
}

constexpr auto kVarint = WireFormatLite::WIRETYPE_VARINT;
constexpr auto kBytes = WireFormatLite::WIRETYPE_LENGTH_DELIMITED;

constexpr uint32_t kBatchTag = TagOf(DeliverRequest::kBatchFieldNumber, kBytes);
constexpr uint32_t kNumberTag = TagOf(Batch::kNumberFieldNumber, kVarint);
constexpr uint32_t kFollowsTag = TagOf(Batch::kFollowsFieldNumber, kVarint);
constexpr uint32_t kRecordTag = TagOf(Batch::kRecordsFieldNumber, kBytes);
constexpr uint32_t kLossesTag = TagOf(Batch::kLossesFieldNumber, kBytes);
static_assert(kBatchTag < 0x80 && kNumberTag < 0x80 && kFollowsTag < 0x80 && kRecordTag < 0x80 &&
              kLossesTag < 0x80);
constexpr size_t kTagBytes = 1;

// Of a text with its tag and its length.
size_t BytesOf(size_t text_bytes) {
  return kTagBytes + CodedOutputStream::VarintSize32(static_cast<uint32_t>(text_bytes)) +
         text_bytes;
}

// Those that are 0 are left out, as protobuf does it.
size_t BytesOfNumber(uint64_t number) {
  return number == 0 ? 0 : kTagBytes + CodedOutputStream::VarintSize64(number);
}

uint8_t* WriteNumber(uint32_t tag, uint64_t number, uint8_t* out) {
  if (number == 0) return out;
  out = CodedOutputStream::WriteVarint32ToArray(tag, out);
  return CodedOutputStream::WriteVarint64ToArray(number, out);
}

uint8_t* WriteHead(uint32_t tag, size_t bytes, uint8_t* out) {
  out = CodedOutputStream::WriteVarint32ToArray(tag, out);
  return CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(bytes), out);
}

uint8_t* WriteText(uint32_t tag, std::string_view text, uint8_t* out) {
  out = WriteHead(tag, text.size(), out);
  return CodedOutputStream::WriteRawToArray(text.data(), static_cast<int>(text.size()), out);
}

// Empty if nothing was lost.
std::string EncodeLosses(const Losses& lost, const std::string& boot_id) {
  if (lost == Losses()) return {};
  auspex::v1::Losses losses;
  losses.set_boot_id(boot_id);
  losses.set_kernel_records(lost.kernel_records);
  losses.set_overruns(lost.overruns);
  losses.set_missing_events(lost.missing_events);
  losses.set_queue_records(lost.queue_records);
  losses.set_spool_records(lost.spool_records);
  losses.set_aged_records(lost.aged_records);
  losses.set_error_records(lost.error_records);
  return losses.SerializeAsString();
}

}  // namespace

grpc::ByteBuffer MakeBatchMessage(const SpoolBatch& batch, uint64_t follows,
                                  const std::string& boot_id) {
  const std::string losses = EncodeLosses(batch.marks().losses, boot_id);
  size_t bytes = BytesOfNumber(batch.number()) + BytesOfNumber(follows);
  batch.ForEachRecord([&bytes](std::string_view record) { bytes += BytesOf(record.size()); });
  if (!losses.empty()) bytes += BytesOf(losses.size());

  grpc::Slice message(BytesOf(bytes));
  auto* const begin = const_cast<uint8_t*>(message.begin());  // Nobody else has it yet.
  uint8_t* out = WriteHead(kBatchTag, bytes, begin);
  out = WriteNumber(kNumberTag, batch.number(), out);
  out = WriteNumber(kFollowsTag, follows, out);
  batch.ForEachRecord(
      [&out](std::string_view record) { out = WriteText(kRecordTag, record, out); });
  if (!losses.empty()) out = WriteText(kLossesTag, losses, out);
  assert(out == message.end());
  return grpc::ByteBuffer(&message, 1);
}

}  // namespace client_plugin
