#include "cli/store_follow.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/container/btree_map.h"

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

// The events that a later search can find again: those whose records may still come, and those that
// come behind one that was not given yet.
class Given {
 public:
  // Whether the event is to be given now: it is new, or has grown.
  bool Take(const storage::FoundEvent& found) {
    const audit::Event& event = found.event;
    const Key key(found.host.name, event.node(), event.stamp());
    const auto [given, is_new] = given_.try_emplace(key);
    given->second.cursor = found.cursor;
    given->second.pending = found.pending;
    return std::exchange(given->second.records, event.record_count()) != event.record_count();
  }

  // Forgets what is not found again behind the cursor. At the limit, also events whose last records
  // may come later: they are given again then.
  void Forget(const std::optional<storage::SearchCursor>& behind) {
    const bool is_full = given_.size() > kGivenMax;
    absl::erase_if(given_, [&](const auto& given) {
      return (is_full || !given.second.pending) && behind && given.second.cursor <= *behind;
    });
  }

 private:
  static constexpr size_t kGivenMax = 1'000'000;  // Some 100 MB; a fleet has one or two each.

  using Key = std::tuple<std::string, std::string, audit::Stamp>;
  struct Last {
    size_t records = 0;
    storage::SearchCursor cursor;
    bool pending = false;
  };

  absl::btree_map<Key, Last> given_;
};

}  // namespace

absl::Status FollowStore(const std::string& path, storage::SearchRequest request,
                         const std::function<bool(const storage::FoundEvent&)>& sink) {
  auto watch = base::DirectoryWatch::Open(storage::DatabasePath(path));
  if (!watch.ok()) return watch.status();
  Given given;
  for (;;) {
    const auto store = storage::EventStore::OpenForReading(path);
    if (!store.ok()) return store.status();
    bool wanted = true;
    bool all_given = true;
    std::optional<storage::SearchCursor> behind = request.after;
    const absl::Status searched = (*store)->Search(request, [&](const storage::FoundEvent& found) {
      const bool is_ripe = !found.pending || HasEnded(found.event) ||
                           base::NowMs() >= found.received_ms + kPatienceMs;
      all_given = all_given && is_ripe;
      if (all_given) behind = found.cursor;
      if (is_ripe && given.Take(found)) wanted = sink(found);
      return wanted;
    });
    if (!searched.ok() || !wanted) return searched;
    request.after = behind;
    given.Forget(behind);
    watch->Wait(kLookAgain);
    watch->Wait(kPause);
  }
}

}  // namespace cli
