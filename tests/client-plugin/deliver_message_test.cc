#include "client-plugin/deliver_message.h"

#include <gtest/gtest.h>

#include "proto/auspex/v1/ingest.pb.h"
#include "tests/storage/temporary_directory.h"

namespace client_plugin {
namespace {

std::string Bytes(const grpc::ByteBuffer& message) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(message.Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& slice : slices) bytes.append(slice.begin(), slice.end());
  return bytes;
}

// Of this number: others come before it.
SpoolBatch BatchOf(uint64_t number, const std::vector<std::string>& records,
                   const Losses& losses = {}) {
  const TemporaryDirectory directory;
  auto writer = SegmentWriter::Create(directory.path() + "/1.spool", "series", number, {});
  EXPECT_TRUE(writer.ok());
  SpoolBatch batch;
  for (const std::string& record : records) batch.Add(record);
  batch.set_marks({.losses = losses});
  EXPECT_TRUE(writer->Append(&batch).ok());
  return batch;
}

// What protobuf makes of the same.
std::string ByProtobuf(uint64_t number, uint64_t follows, const std::vector<std::string>& records,
                       const Losses& lost = {}) {
  auspex::v1::DeliverRequest request;
  auspex::v1::Batch& batch = *request.mutable_batch();
  batch.set_number(number);
  batch.set_follows(follows);
  for (const std::string& record : records) batch.add_records(record);
  if (lost != Losses()) {
    auspex::v1::Losses& losses = *batch.mutable_losses();
    losses.set_boot_id("boot");
    losses.set_kernel_records(lost.kernel_records);
    losses.set_overruns(lost.overruns);
    losses.set_missing_events(lost.missing_events);
    losses.set_queue_records(lost.queue_records);
    losses.set_spool_records(lost.spool_records);
    losses.set_aged_records(lost.aged_records);
    losses.set_error_records(lost.error_records);
  }
  return request.SerializeAsString();
}

TEST(MakeBatchMessage, IsWhatProtobufMakes) {
  // Around the lengths and numbers at which a varint gets longer.
  const std::vector<std::string> records = {"",
                                            "a",
                                            std::string(127, 'b'),
                                            std::string(128, 'c'),
                                            std::string(16'383, 'd'),
                                            std::string(16'384, 'e'),
                                            std::string("\0\n\xff", 3)};
  for (const uint64_t number :
       {uint64_t{1}, uint64_t{127}, uint64_t{128}, uint64_t{1} << 32, UINT64_MAX - 1}) {
    for (const uint64_t follows : {number - 1, uint64_t{0}}) {
      EXPECT_EQ(Bytes(MakeBatchMessage(BatchOf(number, records), follows, "boot")),
                ByProtobuf(number, follows, records))
          << number << " " << follows;
    }
  }
}

TEST(MakeBatchMessage, TellsLosses) {
  Losses losses;
  uint64_t total = 0;
  for (const storage::LossCause& cause : storage::kLossCauses) losses.*cause.total = total += 100;
  EXPECT_EQ(Bytes(MakeBatchMessage(BatchOf(3, {"record"}, losses), 2, "boot")),
            ByProtobuf(3, 2, {"record"}, losses));
}

TEST(MakeBatchMessage, TakesTheLargestBatch) {
  const std::vector<std::string> records(kBatchBytesMax / 1024 - 1, std::string(1020, 'x'));
  EXPECT_EQ(Bytes(MakeBatchMessage(BatchOf(1, records), 0, "boot")), ByProtobuf(1, 0, records));
}

}  // namespace
}  // namespace client_plugin
