// QueryService (proto/auspex/v1/query.proto): what viewers and admins ask, answered by the store.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "absl/status/status.h"

#include "proto/auspex/v1/query.pb.h"
#include "query/escape.h"
#include "query/field_interpreter.h"
#include "server/api/method.h"
#include "storage/event_store.h"

namespace server {

struct QueryLimits {
  // Events of a search, and parts of a report, are sent when they are so many bytes together.
  size_t message_bytes = 64 << 10;

  // What a search, or a report with rows, may hold, about, for events that wait for their turn. 64
  // of them are half a gigabyte.
  size_t search_bytes_max = 8 << 20;

  // How often the reader of a tail hears of it, at least: proxies end streams that are silent for a
  // minute.
  std::chrono::milliseconds tail_beat{15'000};

  // Of one call: values that are counted.
  size_t values_max = 1'000'000;

  // What the values that a report adds up may take, about; and as much again what is made of them.
  size_t report_bytes_max = size_t{128} << 20;

  // Of one histogram: series beside all events, and their counts. They fit in a message that
  // clients take (4 MB).
  uint32_t series_max = 100;
  size_t counts_max = 250'000;

  // Events of one stamp that are shown, and their records: their meanings fit in a message that
  // clients take (4 MB).
  size_t stamp_events_max = 100;
  size_t stamp_bytes_max = 256 << 10;
};

// For any thread.
class QueryMethods {
 public:
  // `store` must outlive the methods, and these objects the calls of them.
  QueryMethods(const storage::EventStore& store, const QueryLimits& limits)
      : store_(store), limits_(limits) {}

  std::vector<Method> All();

 private:
  using SendTail = std::function<bool(auspex::v1::TailResponse&)>;
  using SendEvents = std::function<bool(auspex::v1::SearchResponse&)>;
  using SendReport = std::function<bool(auspex::v1::ReportResponse&)>;

  absl::Status Search(Call& call, const auspex::v1::SearchRequest& request,
                      const SendEvents& send) const;
  absl::Status SearchMalformed(
      Call& call, const auspex::v1::SearchMalformedRequest& request,
      const std::function<bool(auspex::v1::SearchMalformedResponse&)>& send) const;
  absl::Status Tail(Call& call, const auspex::v1::TailRequest& request, const SendTail& send) const;
  absl::Status GetEvent(Call& call, const auspex::v1::GetEventRequest& request,
                        auspex::v1::GetEventResponse* response);
  absl::Status Hosts(Call& call, const auspex::v1::HostsRequest& request,
                     auspex::v1::HostsResponse* response) const;
  absl::Status FieldValues(Call& call, const auspex::v1::FieldValuesRequest& request,
                           auspex::v1::FieldValuesResponse* response) const;
  absl::Status Report(Call& call, const auspex::v1::ReportRequest& request, const SendReport& send);
  absl::Status Histogram(Call& call, const auspex::v1::HistogramRequest& request,
                         auspex::v1::HistogramResponse* response) const;

  const storage::EventStore& store_;
  const QueryLimits limits_;

  std::mutex mutex_;  // Guards what follows, and libauparse, which is for one thread at a time.
  query::FieldInterpreter fields_{query::EscapeMode::kTty, false};
};

}  // namespace server
