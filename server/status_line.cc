#include "server/status_line.h"

#include "absl/strings/str_format.h"

#include "server/space/space_stages.h"

namespace server {

namespace {

const char* IntakeOf(const Counters& counters) {
  if (counters.suspended != 0) return "suspended by an admin, takes nothing in";
  if (counters.space_suspended != 0) return "takes nothing in for want of space";
  return "takes records in";
}

}  // namespace

std::string StatusLine(const Counters& counters, double records_per_second) {
  return absl::StrFormat("%s; %d sessions, %d streams of agents, %.0f records/s; space %s",
                         IntakeOf(counters), counters.sessions_open, counters.streams_open,
                         records_per_second, NameOf(static_cast<SpaceStage>(counters.space_stage)));
}

}  // namespace server
