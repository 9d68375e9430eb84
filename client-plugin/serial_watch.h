// Notices events of the kernel's of which no record has come: it numbers them.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "audit/record.h"
#include "audit/serial_gaps.h"

namespace client_plugin {

// For one thread.
class SerialWatch {
 public:
  // `last_serial` is the newest that had come of this boot before; 0: none.
  explicit SerialWatch(uint32_t last_serial);

  // Takes the next record, of a type; 0 for one that is not known.
  void Observe(const audit::Record& record, uint16_t type);

  // The highest that has come; 0 if none has.
  uint32_t last_serial() const { return last_serial_; }

  // How many are known to be missing.
  uint64_t missing_events() const { return missing_events_; }

  // How many before last_serial() have not come, and still may.
  uint64_t awaited_events() const { return gaps_ ? gaps_->awaited() : 0; }

 private:
  std::optional<audit::SerialGaps> gaps_;
  std::optional<std::string> node_;  // Of the first record: others have a kernel of their own.
  audit::Stamp newest_;
  uint32_t last_serial_;
  uint64_t missing_events_ = 0;
};

}  // namespace client_plugin
