// A store on this machine, asked while a server may write to it.

#pragma once

#include <string>

#include "cli/source.h"

namespace cli {

class StoreSource : public Source {
 public:
  explicit StoreSource(std::string path) : path_(std::move(path)) {}

  absl::StatusOr<SourcePlace> Place() const override;
  absl::Status Search(const Question& question, const EventSink& sink) override;
  absl::Status SearchMalformed(const Question& question, const LineSink& sink) override;
  absl::Status Follow(const Question& question, const EventSink& sink) override;
  absl::Status Report(const query::ReportQuestion& question, std::vector<std::string>* explanation,
                      query::ReportSink& sink) override;
  absl::StatusOr<std::vector<storage::ListedHost>> Hosts(
      const std::vector<std::string>& host_patterns) override;

 private:
  const std::string path_;
};

}  // namespace cli
