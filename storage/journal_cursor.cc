#include "storage/journal_cursor.h"

#include "absl/strings/str_format.h"

#include "storage/rocks.h"

namespace storage {

absl::StatusOr<bool> JournalCursor::Next(JournalRecord* record) {
  for (;;) {
    if (!group_is_open_) {
      const absl::Status opened = OpenNextGroup();
      if (!opened.ok()) return opened;
      if (!group_is_open_) return false;
    }
    const absl::StatusOr<bool> more = group_.Next(&record->line);
    if (!more.ok()) return AtGroup(more.status());
    if (*more) {
      record->address = group_.header().address;
      record->received_ms = group_.header().received_ms;
      return true;
    }
    ahead_.pop_front();
    group_is_open_ = false;
  }
}

absl::Status JournalCursor::OpenNextGroup() {
  if (ahead_.empty()) {
    const absl::Status read = ReadAhead();
    if (!read.ok() || ahead_.empty()) return read;
  }
  absl::StatusOr<JournalGroup> group = JournalGroup::Decode(ahead_.front().value);
  if (!group.ok()) return AtGroup(group.status());
  group_ = *group;
  group_is_open_ = true;
  return absl::OkStatus();
}

absl::Status JournalCursor::ReadAhead() {
  size_t bytes = 0;
  entry_.Seek(EncodeJournalKey({.host = host_, .arrival = next_arrival_}));
  for (; entry_.Valid() && bytes < piece_bytes_; entry_.Next()) {
    const absl::StatusOr<JournalKey> key = DecodeJournalKey(ToView(entry_.key()));
    if (!key.ok()) return key.status();
    if (key->host != host_) break;
    ahead_.push_back({.arrival = key->arrival, .value = entry_.value().ToString()});
    next_arrival_ = key->arrival + 1;
    bytes += entry_.value().size();
  }
  return FromRocks(entry_.status(), "read the journal");
}

absl::Status JournalCursor::AtGroup(const absl::Status& status) const {
  return absl::Status(
      status.code(), absl::StrFormat("%s (host number %d, group %d)", std::string(status.message()),
                                     host_, ahead_.front().arrival));
}

}  // namespace storage
