// A collector that runs, asked over its API.

#pragma once

#include <utility>

#include "cli/remote/connection.h"
#include "cli/source.h"

namespace cli {

class RemoteSource : public Source {
 public:
  explicit RemoteSource(Connection connection) : connection_(std::move(connection)) {}

  absl::StatusOr<SourcePlace> Place() const override;
  absl::Status Search(const Question& question, const EventSink& sink) override;
  absl::Status SearchMalformed(const Question& question, const LineSink& sink) override;
  absl::Status Follow(const Question& question, const EventSink& sink) override;

 private:
  const Connection connection_;
};

}  // namespace cli
