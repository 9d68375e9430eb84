#include "storage/store_view.h"

#include <limits>
#include <optional>
#include <utility>

#include "storage/host_state.h"
#include "storage/journal.h"

namespace storage {

absl::StatusOr<StoreView> ViewOfFiles(std::shared_ptr<Rocks> rocks,
                                      const std::function<bool(HostId)>& wanted) {
  StoreView view{.rocks = rocks, .snapshot = nullptr, .open = {}};
  rocksdb::ReadOptions once;
  once.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> entry(rocks->db->NewIterator(once, rocks->journal));
  std::optional<OpenHost> open;
  HostId host = 0;
  const auto finish = [&] {
    if (!open) return;
    OpenEvents& events = view.open.emplace_back(OpenEvents{.host = host});
    for (const auto& [day, of_day] : open->complete().days) {
      events.events.insert(events.events.end(), of_day.begin(), of_day.end());
    }
    for (OpenEvent& pending : open->CopyPending()) {
      events.events.push_back(std::make_shared<const OpenEvent>(std::move(pending)));
    }
    open.reset();
  };
  for (entry->SeekToFirst(); entry->Valid();) {
    const absl::StatusOr<JournalKey> key = DecodeJournalKey(ToView(entry->key()));
    if (!key.ok()) return key.status();
    if (!wanted(key->host)) {
      if (key->host == std::numeric_limits<HostId>::max()) break;
      entry->Seek(EncodeJournalKey({.host = key->host + 1}));
      continue;
    }
    if (!open || key->host != host) {
      finish();
      host = key->host;
      absl::StatusOr<HostState> state = LoadHostState(*rocks, host);
      if (!state.ok()) return state.status();
      open.emplace(*std::move(state));
    }
    const absl::Status added = open->AddJournal(*key, ToView(entry->value()));
    if (!added.ok()) return added;
    entry->Next();
  }
  finish();
  const absl::Status read = FromRocks(entry->status(), "read the journal");
  if (!read.ok()) return read;
  return view;
}

}  // namespace storage
