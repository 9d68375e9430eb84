#include "query/local_time.h"

#include <cstddef>

namespace query {

std::tm LocalTime(uint64_t time_ms, const absl::TimeZone& zone) {
  return absl::ToTM(absl::FromUnixSeconds(static_cast<int64_t>(time_ms / 1000)), zone);
}

void AppendTime(const std::tm& time, const char* format, std::string* text) {
  char buffer[64];
  text->append(buffer, std::strftime(buffer, sizeof(buffer), format, &time));
}

}  // namespace query
