// Reports as messages (proto/auspex/v1/query.proto): for who answers, and for who asks.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"

#include "proto/auspex/v1/query.pb.h"
#include "query/report/report_question.h"
#include "query/report/report_sink.h"

namespace api {

// Each node is compared with that of every event.
inline constexpr int kReportNodesMax = 10'000;

// kInvalidArgument names what is not defined, or the limit that is passed.
absl::StatusOr<query::ReportQuestion> QuestionOf(const auspex::v1::ReportRequest& message);
auspex::v1::ReportRequest MessageOf(const query::ReportQuestion& question);

// Makes messages of the parts of a report. For one thread at a time.
class ReportMessages : public query::ReportSink {
 public:
  // `send` takes a message, and is false once nobody wants more. Parts are gathered until they are
  // `message_bytes` together. `question` must outlive the object.
  ReportMessages(const query::ReportQuestion& question, size_t message_bytes,
                 std::function<bool(auspex::v1::ReportResponse&)> send);

  bool TakeRow(const query::ReportRow& row) override;
  bool TakeTotal(const query::ReportTotal& total) override;
  bool TakeTimes(const query::ReportTimes& times) override;
  bool TakeOverall(const query::OverallReport& overall) override;
  bool TakeHost(const query::HostOverview& host) override;
  bool TakeSum(uint64_t host_count, const query::HostOverview& sum) override;

  // Sends what is gathered.
  void End() override;

  uint64_t parts() const { return parts_; }  // Rows, totals and so on, but for the sum.

 private:
  bool Added(const google::protobuf::Message& part);

  const query::ReportQuestion& question_;
  const size_t message_bytes_;
  const std::function<bool(auspex::v1::ReportResponse&)> send_;
  auspex::v1::ReportResponse gathered_;
  size_t gathered_bytes_ = 0;
  uint64_t parts_ = 0;
};

// Gives the parts that a message holds to `sink`: false once it wants no more. What a newer
// collector says beyond this is passed over. To be called with each message; then `sink.End()`.
bool GiveParts(const auspex::v1::ReportResponse& message, const query::ReportQuestion& question,
               query::ReportSink& sink);

}  // namespace api
