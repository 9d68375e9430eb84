#include "cli/store_follow.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <tuple>
#include <utility>

#include "audit/record_type.h"
#include "base/clock.h"
#include "base/directory_watch.h"
#include "storage/event_store.h"
#include "storage/store_directory.h"

namespace cli {

namespace {

// How often the store is looked at while it is written to, at most.
constexpr std::chrono::milliseconds kPause{300};

// Without a change, it is looked at so often for events that have waited long enough.
constexpr std::chrono::milliseconds kLookAgain{1000};

// How long an event without a last record waits for it.
constexpr uint64_t kPatienceMs = 3000;

bool HasEnded(const audit::Event& event) {
  const auto first = audit::RecordTypeNumber(event.record(0).type);
  const auto last = audit::RecordTypeNumber(event.record(event.record_count() - 1).type);
  return (first && audit::StandsAlone(*first)) || (last && audit::EndsEvent(*last));
}

// Events that were given while the store still waited for records of them.
class Early {
 public:
  // Whether the event is to be given now: it is new, or has grown.
  bool Take(const storage::FoundEvent& found) {
    const audit::Event& event = found.event;
    const Key key(found.host.name, event.node(), event.stamp());
    const auto [given, is_new] = given_.try_emplace(key, 0);
    const bool is_due = std::exchange(given->second, event.record_count()) != event.record_count();
    if (!found.pending) given_.erase(given);
    return is_due;
  }

 private:
  using Key = std::tuple<std::string, std::string, audit::Stamp>;

  std::map<Key, size_t> given_;  // With how many records. No more than are open in the store.
};

}  // namespace

absl::Status FollowStore(const std::string& path, storage::SearchRequest request,
                         const std::function<bool(const storage::FoundEvent&)>& sink) {
  auto watch = base::DirectoryWatch::Open(storage::DatabasePath(path));
  if (!watch.ok()) return watch.status();
  Early early;
  for (;;) {
    const auto store = storage::EventStore::OpenForReading(path);
    if (!store.ok()) return store.status();
    bool wanted = true;
    bool only_complete_so_far = true;
    std::optional<storage::SearchCursor> behind = request.after;
    const absl::Status searched = (*store)->Search(request, [&](const storage::FoundEvent& found) {
      const bool is_ripe = !found.pending || HasEnded(found.event) ||
                           base::NowMs() >= found.received_ms + kPatienceMs;
      only_complete_so_far = only_complete_so_far && !found.pending;
      if (only_complete_so_far) behind = found.cursor;
      if (is_ripe && early.Take(found)) wanted = sink(found);
      return wanted;
    });
    if (!searched.ok() || !wanted) return searched;
    request.after = behind;
    watch->Wait(kLookAgain);
    watch->Wait(kPause);
  }
}

}  // namespace cli
