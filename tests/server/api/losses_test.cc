// What agents tell of the losses of their hosts, from the stream to those who ask.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proto/auspex/v1/ingest.grpc.pb.h"
#include "tests/server/api/api_fixture.h"

namespace server {
namespace {

using auspex::v1::Batch;
using auspex::v1::DeliverRequest;
using testing::ElementsAre;
using testing::IsEmpty;

class LossesTest : public ApiTest {
 protected:
  // A batch of one record.
  static Batch Plain(uint64_t number) {
    Batch batch;
    batch.set_number(number);
    batch.set_follows(number - 1);
    batch.add_records(absl::StrFormat("type=USER_LOGIN msg=audit(1.000:%d): pid=7", number));
    return batch;
  }

  // Likewise, which tells what the kernel has dropped since a boot.
  static Batch Lossy(uint64_t number, const std::string& boot_id, uint64_t kernel_records) {
    Batch batch = Plain(number);
    batch.mutable_losses()->set_boot_id(boot_id);
    batch.mutable_losses()->set_kernel_records(kernel_records);
    return batch;
  }

  // Sends the batches, all of one series, and tells how the stream has ended.
  grpc::Status Send(const std::string& agent, const std::vector<Batch>& batches) const {
    const auto stub = auspex::v1::IngestService::NewStub(ConnectAs(agent));
    grpc::ClientContext context;
    const auto stream = stub->Deliver(&context);
    DeliverRequest request;
    request.mutable_hello()->set_boot_id("series1");
    stream->Write(request);
    for (const Batch& batch : batches) {
      *request.mutable_batch() = batch;
      stream->Write(request);
    }
    stream->WritesDone();
    for (auspex::v1::DeliverResponse response; stream->Read(&response);) continue;
    return stream->Finish();
  }

  // What kernels have dropped, as "host count", of hosts that have told.
  std::vector<std::string> Lost() const {
    const auto list = store_->ListHosts({});
    EXPECT_TRUE(list.ok()) << list.status();
    std::vector<std::string> lost;
    for (const auto& [host, contents, losses, pace] : list->hosts) {
      if (losses) lost.push_back(absl::StrCat(host.name, " ", losses->kernel_records));
    }
    return lost;
  }
};

TEST_F(LossesTest, ArriveWithABatch) {
  Start();
  EXPECT_TRUE(Send("web1", {Plain(1), Lossy(2, "boot1", 5), Plain(3)}).ok());
  EXPECT_TRUE(Send("web2", {Plain(1)}).ok());
  EXPECT_THAT(Lost(), ElementsAre("web1 5"));
}

TEST_F(LossesTest, AreToldOnceWhateverIsSentAgain) {
  Start();
  EXPECT_TRUE(Send("web1", {Lossy(1, "boot1", 5), Lossy(1, "boot1", 5)}).ok());
  EXPECT_THAT(Lost(), ElementsAre("web1 5"));
  Restart();
  EXPECT_THAT(Lost(), ElementsAre("web1 5"));
  EXPECT_TRUE(Send("web1", {Lossy(1, "boot1", 5), Lossy(2, "boot1", 6)}).ok());
  EXPECT_THAT(Lost(), ElementsAre("web1 6"));
  EXPECT_EQ(Count(&Counters::batches_repeated_total), 2u);
}

TEST_F(LossesTest, AreTheHighestOfEachBootAddedUp) {
  Start();
  EXPECT_TRUE(Send("web1", {Lossy(1, "boot2", 3), Lossy(2, "boot1", 7), Lossy(3, "boot1", 6),
                            Lossy(4, "boot2", 4)})
                  .ok());
  EXPECT_THAT(Lost(), ElementsAre("web1 11"));
}

TEST_F(LossesTest, AreRefusedWithoutTheirBoot) {
  Start();
  for (const size_t size : {0, 65}) {
    const grpc::Status end = Send("web1", {Lossy(1, std::string(size, 'b'), 5)});
    EXPECT_EQ(end.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(end.error_message(),
              absl::StrFormat("batch 1: losses: boot_id has %d bytes, 1 to 64 are allowed", size));
  }
  EXPECT_THAT(Lost(), IsEmpty());
  EXPECT_TRUE(Send("web1", {Lossy(1, std::string(64, 'b'), 5)}).ok());
  EXPECT_THAT(Lost(), ElementsAre("web1 5"));
}

// As those of any other batch do: an agent has a record of its own about them.
TEST_F(LossesTest, ComeWithRecords) {
  Start();
  Batch batch = Lossy(1, "boot1", 5);
  batch.clear_records();
  EXPECT_EQ(Send("web1", {batch}).error_message(), "batch 1: no records");
  EXPECT_THAT(Lost(), IsEmpty());
}

}  // namespace
}  // namespace server
