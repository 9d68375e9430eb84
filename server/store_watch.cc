#include "server/store_watch.h"

#include <boost/asio/post.hpp>

namespace server {

namespace asio = boost::asio;
using base::Text;

void StoreWatch::Hear(const absl::Status& problem) {
  asio::post(network_, [this, problem, what = Text(problem)] {
    ++counters_.store_problems_total;
    if (told_) told_(problem);
    if (!error_log_.Allow()) return;
    spdlog::error("blocks: {}", what);
    if (own_records_ != nullptr) own_records_->StoreFailed(what);
  });
}

RetentionCallbacks TellOfDeletions(asio::io_context& network, OwnRecords& own_records,
                                   Counters& counters) {
  const auto on_deleted = [&network, &own_records, &counters](const storage::Deletion& deletion) {
    asio::post(network, [&own_records, &counters, deletion] {
      counters.events_deleted_total += deletion.events;
      counters.event_bytes_deleted_total += deletion.bytes;
      own_records.Deleted(deletion);
    });
  };
  const auto on_failure = [&network, &counters](const absl::Status& status) {
    asio::post(network, [&counters, what = Text(status)] {
      ++counters.retention_failures_total;
      spdlog::error("retention: {}", what);
    });
  };
  return {.on_deleted = on_deleted, .on_failure = on_failure};
}

}  // namespace server
