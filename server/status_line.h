// How the server is doing, in one line for people.

#pragma once

#include <string>

#include "server/counters.h"

namespace server {

// "takes records in; 12 sessions, 3 streams of agents, 531 records/s; space ok". What keeps it from
// taking records in stands in front.
std::string StatusLine(const Counters& counters, double records_per_second);

}  // namespace server
