// Whether threads of this process wait for a disk that does not answer.

#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace server {

// Belongs to one thread.
class DiskWaits {
 public:
  // Looks at all threads of the process (proc(5)), which waits for no disk itself. True if one of
  // them is in a wait that no signal ends (state D), and has been in the same one since the last
  // look.
  bool Look();

  // As if there had been no look.
  void Forget() { waiting_.clear(); }

 private:
  // Of each thread that waited at the last look, how often it had begun to wait.
  std::map<std::string, uint64_t> waiting_;
};

}  // namespace server
