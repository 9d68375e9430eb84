// Times in the words of the process's locale.

#pragma once

#include <cstdint>
#include <ctime>
#include <string>

#include "absl/time/time.h"

namespace query {

// As localtime(3), in a zone of its own. Takes any time.
std::tm LocalTime(uint64_t time_ms, const absl::TimeZone& zone);

// Appends what strftime(3) makes of it, of 64 bytes at most.
void AppendTime(const std::tm& time, const char* format, std::string* text);

}  // namespace query
