// How a collector is doing (proto/auspex/v1/admin.proto), as text: for its state file, and for who
// asks by the command line.

#pragma once

#include <string>

#include "proto/auspex/v1/admin.pb.h"

namespace api {

// Lines of a name and a value, under headings; times in UTC. What is not known is left out.
std::string StatusText(const auspex::v1::StatusResponse& status);

}  // namespace api
