// Space that is kept for the time when the disk is full: the file `reserve` in the directory of the
// store. Given back, it lets days be deleted and blocks be made where nothing else could be
// written.

#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace server {

// Belongs to one thread, which may wait for the disk.
class ReserveFile {
 public:
  explicit ReserveFile(const std::string& store_dir);

  // What is really allocated: 0 if there is none.
  uint64_t held_bytes() const;

  // Makes it so large, larger or smaller, allocated to the last byte. After a failure there is
  // none.
  absl::Status Make(uint64_t bytes);

  // Removes it. Cheap, and also works on a disk that is full to the last byte.
  absl::Status GiveBack();

 private:
  const std::string path_;
};

}  // namespace server
