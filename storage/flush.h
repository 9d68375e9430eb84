// How durable a write is.

#pragma once

namespace storage {

// When a write reaches the disk, in the words of auditd.conf(5).
enum class Flush {
  kNone,              // Never asked for: the kernel writes when it likes.
  kIncremental,       // Before the acknowledgement of each n-th record.
  kIncrementalAsync,  // After the acknowledgement of each n-th record.
  kData,              // Before each acknowledgement.
  kSync,              // Before each acknowledgement. The same here: the journal needs no metadata.
};

}  // namespace storage
