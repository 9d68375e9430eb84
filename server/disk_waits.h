// Whether threads of this process wait for a disk.

#pragma once

namespace server {

// Whether a thread of the process is, now, in a wait that no signal ends (state D in proc(5)), as
// those for a disk are. It waits for no disk itself.
bool WaitsForDisk();

}  // namespace server
