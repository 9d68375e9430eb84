// How logs that exist come into a store: see EventStore::StartImport().

#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "storage/batch.h"

namespace storage {

struct ImportOptions {
  Identity host = {};        // Of records that name no node.
  uint64_t received_ms = 0;  // When they come, by the collector's clock.
};

struct ImportResult {
  uint64_t records = 0;      // Stored now, malformed ones included.
  uint64_t malformed = 0;    // Of them: without a valid prefix.
  uint64_t bytes = 0;        // Of text that was stored now,
  uint64_t known_bytes = 0;  // and of text that was imported before.
};

// For one thread. Ends without a trace of what was not written yet, unless Finish() is called; what
// was written is known at the next import of the same log.
class Import {
 public:
  virtual ~Import() = default;

  // The next piece is the first one of a log.
  virtual void BeginLog() = 0;

  // Takes whole lines of the log; the last line of a log need not end with a newline. The same log
  // must always come in the same pieces, but for the last one: that may have grown. Empty lines are
  // no records.
  virtual absl::Status Add(std::string_view piece) = 0;

  // Stores everything, durably. Call it once, at the end.
  virtual absl::StatusOr<ImportResult> Finish() = 0;
};

}  // namespace storage
