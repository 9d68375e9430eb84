// A parser of libauparse for records that lie in memory.

#pragma once

#include <auparse.h>
#include <memory>
#include <string_view>

#include "query/escape.h"

namespace query {

// The library keeps some of its state per process (the enriched tail of the current record, names
// that it has looked up), so that all objects of a process must be used by one thread at a time.
class AuparseBuffer {
 public:
  explicit AuparseBuffer(EscapeMode mode);

  // Takes lines, each with its newline, and forgets those before. The events are then read with
  // auparse_next_event(). What state() gives out is valid until the next Load().
  void Load(std::string_view lines);

  // What the functions of <auparse.h> want. Never null.
  auparse_state_t* state() const { return state_.get(); }

 private:
  struct Destroy {
    void operator()(auparse_state_t* state) const { auparse_destroy(state); }
  };

  std::unique_ptr<auparse_state_t, Destroy> state_;
};

}  // namespace query
