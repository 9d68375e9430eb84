// A collector that runs, asked over its API.

#pragma once

#include <utility>

#include "cli/remote/connection.h"
#include "cli/source.h"
#include <grpcpp/support/sync_stream.h>

#include "proto/auspex/v1/query.pb.h"

namespace cli {

class RemoteSource : public Source {
 public:
  explicit RemoteSource(Connection connection) : connection_(std::move(connection)) {}

  absl::StatusOr<SourcePlace> Place() const override;
  absl::Status Search(const Question& question, const EventSink& sink) override;
  absl::Status SearchMalformed(const Question& question, const LineSink& sink) override;
  absl::Status Follow(const Question& question, const EventSink& sink) override;
  absl::Status Report(const query::ReportQuestion& question, std::vector<std::string>* explanation,
                      query::ReportSink& sink) override;
  absl::StatusOr<std::vector<storage::ListedHost>> Hosts(
      const std::vector<std::string>& host_patterns) override;

 private:
  absl::Status GiveEvents(const google::protobuf::RepeatedPtrField<auspex::v1::Event>& events,
                          const EventSink& sink) const;
  template <typename Response>
  absl::Status ReadEvents(grpc::ClientContext& context, grpc::ClientReader<Response>& reader,
                          const EventSink& sink) const;

  const Connection connection_;
};

}  // namespace cli
