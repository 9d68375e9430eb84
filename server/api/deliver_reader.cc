#include "server/api/deliver_reader.h"

#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include "api/host_message.h"
#include "audit/record.h"

namespace server {

namespace {

using auspex::v1::Batch;
using auspex::v1::DeliverRequest;
using auspex::v1::Hello;
using auspex::v1::Losses;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// A uuid, as the kernel's boot_id, has 36.
constexpr size_t kBootIdBytesMax = 64;
constexpr size_t kSoftwareBytesMax = 256;

constexpr uint32_t TagOf(int field, WireFormatLite::WireType type) {
  return WireFormatLite::MakeTag(field, type);
}

constexpr auto kVarint = WireFormatLite::WIRETYPE_VARINT;
constexpr auto kBytes = WireFormatLite::WIRETYPE_LENGTH_DELIMITED;

absl::Status Wrong(const std::string& what) { return absl::InvalidArgumentError(what); }

absl::Status NotProtobuf() { return Wrong("the message is not a DeliverRequest"); }

// What is wrong with a boot_id; empty: nothing.
std::string WrongBootId(const std::string& boot_id) {
  if (!boot_id.empty() && boot_id.size() <= kBootIdBytesMax) return {};
  return absl::StrFormat("boot_id has %d bytes, 1 to %d are allowed", boot_id.size(),
                         kBootIdBytesMax);
}

absl::Status CheckHello(const Hello& hello) {
  if (const std::string wrong = WrongBootId(hello.boot_id()); !wrong.empty()) {
    return Wrong("hello: " + wrong);
  }
  if (hello.software().size() > kSoftwareBytesMax) {
    return Wrong(absl::StrFormat("hello: software has more than %d bytes", kSoftwareBytesMax));
  }
  return absl::OkStatus();
}

class BatchReader {
 public:
  BatchReader(CodedInputStream& in, ReceivedBatch& batch, uint32_t records_max)
      : in_(in), batch_(batch), records_max_(records_max) {}

  // Reads all there is up to the stream's limit. A broken rule is told once the number of the batch
  // is known.
  absl::Status Read() {
    while (const uint32_t tag = in_.ReadTag()) {
      bool whole = false;
      switch (tag) {
        case TagOf(Batch::kNumberFieldNumber, kVarint):
          whole = in_.ReadVarint64(&batch_.number);
          break;
        case TagOf(Batch::kFollowsFieldNumber, kVarint):
          whole = in_.ReadVarint64(&batch_.follows);
          break;
        case TagOf(Batch::kRecordsFieldNumber, kBytes):
          whole = ReadRecord();
          break;
        case TagOf(Batch::kLossesFieldNumber, kBytes):
          whole = ReadLosses();
          break;
        default:
          whole = WireFormatLite::SkipField(&in_, tag);
      }
      if (!whole) return NotProtobuf();
    }
    if (!in_.ConsumedEntireMessage()) return NotProtobuf();
    if (losses_) batch_.losses = api::LossesOf(*losses_);
    return Check();
  }

 private:
  bool ReadRecord() {
    uint32_t length = 0;
    if (!in_.ReadVarint32(&length)) return false;
    const uint32_t index = record_count_++;
    const bool is_wrong = length == 0 || length > audit::kRecordBytesMax || index >= records_max_;
    if (is_wrong || !wrong_.empty()) {
      if (wrong_.empty() && index < records_max_) {
        wrong_ = absl::StrFormat("record %d has %d bytes, 1 to %d are allowed", index, length,
                                 audit::kRecordBytesMax);
      }
      return in_.Skip(static_cast<int>(length));
    }
    // Mostly it lies in one piece; else it is put together.
    const void* piece = nullptr;
    int size = 0;
    in_.GetDirectBufferPointerInline(&piece, &size);
    if (static_cast<uint32_t>(size) >= length) {
      AddRecord({static_cast<const char*>(piece), length}, index);
      return in_.Skip(static_cast<int>(length));
    }
    if (!in_.ReadString(&scratch_, static_cast<int>(length))) return false;
    AddRecord(scratch_, index);
    return true;
  }

  // Small, and in few batches. What is there twice is one message in two parts.
  bool ReadLosses() {
    int length = 0;
    if (!in_.ReadVarintSizeAsInt(&length)) return false;
    const CodedInputStream::Limit rest = in_.PushLimit(length);
    if (in_.BytesUntilLimit() != length) return false;
    if (!losses_) losses_.emplace();
    const bool is_whole = losses_->MergeFromCodedStream(&in_) && in_.ConsumedEntireMessage() &&
                          in_.BytesUntilLimit() == 0;
    in_.PopLimit(rest);
    return is_whole;
  }

  void AddRecord(std::string_view record, uint32_t index) {
    // Printed raw, it would be two records.
    if (record.find('\n') != std::string_view::npos) {
      wrong_ = absl::StrFormat("record %d holds a newline", index);
      return;
    }
    if (audit::ParseRecord(record).ok()) {
      batch_.records.Add(record);
    } else {
      batch_.records.AddMalformed(record);
    }
  }

  absl::Status Check() const {
    if (batch_.number == 0) return Wrong("batch: the number is 0");
    if (batch_.follows >= batch_.number) {
      return Wrong(absl::StrFormat("batch %d: follows %d", batch_.number, batch_.follows));
    }
    if (record_count_ == 0) return Wrong(absl::StrFormat("batch %d: no records", batch_.number));
    if (record_count_ > records_max_) {
      return Wrong(absl::StrFormat("batch %d: %d records, the limit is %d", batch_.number,
                                   record_count_, records_max_));
    }
    if (!wrong_.empty()) return Wrong(absl::StrFormat("batch %d: %s", batch_.number, wrong_));
    if (!batch_.losses) return absl::OkStatus();
    const std::string wrong = WrongBootId(batch_.losses->boot_id);
    if (wrong.empty()) return absl::OkStatus();
    return Wrong(absl::StrFormat("batch %d: losses: %s", batch_.number, wrong));
  }

  CodedInputStream& in_;
  ReceivedBatch& batch_;
  const uint32_t records_max_;
  uint32_t record_count_ = 0;
  std::string wrong_;  // With the first record that is.
  std::optional<Losses> losses_;
  std::string scratch_;
};

}  // namespace

absl::StatusOr<std::variant<Hello, ReceivedBatch>> DeliverReader::Read(
    grpc::ByteBuffer* message) const {
  const size_t message_bytes = message->Length();
  grpc::ProtoBufferReader slices(message);
  CodedInputStream in(&slices);
  std::optional<Hello> hello;
  std::optional<ReceivedBatch> batch;
  while (const uint32_t tag = in.ReadTag()) {
    const bool is_hello = tag == TagOf(DeliverRequest::kHelloFieldNumber, kBytes);
    const bool is_batch = tag == TagOf(DeliverRequest::kBatchFieldNumber, kBytes);
    if (!is_hello && !is_batch) {
      if (!WireFormatLite::SkipField(&in, tag)) return NotProtobuf();
      continue;
    }
    if (hello || batch) return Wrong("a message that is more than one Hello or Batch");
    int length = 0;
    if (!in.ReadVarintSizeAsInt(&length)) return NotProtobuf();
    const CodedInputStream::Limit rest = in.PushLimit(length);
    if (in.BytesUntilLimit() != length) return NotProtobuf();
    absl::Status read = absl::OkStatus();
    if (is_hello) {
      const bool whole = hello.emplace().MergeFromCodedStream(&in) && in.ConsumedEntireMessage();
      read = whole ? CheckHello(*hello) : NotProtobuf();
    } else {
      storage::Batch records(agent, address);
      records.Reserve(message_bytes);
      batch.emplace(ReceivedBatch{.records = std::move(records)});
      read = BatchReader(in, *batch, records_max).Read();
    }
    if (!read.ok()) return read;
    // A message that is cut off ends before what it has announced.
    if (in.BytesUntilLimit() != 0) return NotProtobuf();
    in.PopLimit(rest);
  }
  if (!in.ConsumedEntireMessage()) return NotProtobuf();
  if (hello) return *std::move(hello);
  if (batch) return *std::move(batch);
  return Wrong("a message that is neither Hello nor Batch");
}

}  // namespace server
