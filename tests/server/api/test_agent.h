// An agent as the tests of its service play it.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include <grpcpp/channel.h>

#include "proto/auspex/v1/ingest.grpc.pb.h"

namespace server {

inline std::string Line(uint32_t serial) {
  return absl::StrFormat("type=USER_LOGIN msg=audit(1626611363.%03d:%d): pid=7", serial, serial);
}

// One stream, as an agent sees it.
class TestAgent {
 public:
  explicit TestAgent(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(auspex::v1::IngestService::NewStub(channel)), stream_(stub_->Deliver(&context_)) {}

  bool Send(const auspex::v1::DeliverRequest& request) { return stream_->Write(request); }

  bool Hello(const std::string& boot_id = "boot1") {
    auspex::v1::DeliverRequest request;
    request.mutable_hello()->set_boot_id(boot_id);
    return Send(request);
  }

  bool Batch(uint64_t number, uint64_t follows, const std::vector<std::string>& records) {
    auspex::v1::DeliverRequest request;
    request.mutable_batch()->set_number(number);
    request.mutable_batch()->set_follows(follows);
    for (const std::string& record : records) request.mutable_batch()->add_records(record);
    return Send(request);
  }

  // A batch of one record with the batch's number as its serial.
  bool Batch(uint64_t number) {
    return Batch(number, number - 1, {Line(static_cast<uint32_t>(number))});
  }

  // The next response in short; empty at the end.
  std::string Next() {
    auspex::v1::DeliverResponse response;
    if (!stream_->Read(&response)) return "";
    switch (response.message_case()) {
      case auspex::v1::DeliverResponse::kWelcome:
        return absl::StrCat("welcome ", response.welcome().last_number());
      case auspex::v1::DeliverResponse::kAck:
        return absl::StrCat("ack ", response.ack().number());
      case auspex::v1::DeliverResponse::kGap:
        return absl::StrCat("gap ", response.gap().number(), " ", response.gap().last_number());
      default:
        return "another";
    }
  }

  // Reads until a batch is acknowledged. False if the stream ends first.
  bool AwaitAck(uint64_t number) {
    for (std::string next = Next(); !next.empty(); next = Next()) {
      if (next == absl::StrCat("ack ", number)) return true;
    }
    return false;
  }

  void HalfClose() { stream_->WritesDone(); }

  // What is left to be read, and how the stream has ended.
  grpc::Status End() {
    while (!Next().empty()) continue;
    return stream_->Finish();
  }

 private:
  std::unique_ptr<auspex::v1::IngestService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<auspex::v1::DeliverRequest, auspex::v1::DeliverResponse>>
      stream_;
};

}  // namespace server
