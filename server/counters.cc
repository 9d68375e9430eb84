#include "server/counters.h"

namespace server {

std::string ToText(const Counters& counters) {
  std::string text;
  const auto add = [&text](const char* name, uint64_t value) {
    if (!text.empty()) text += ' ';
    text += name;
    text += '=';
    text += std::to_string(value);
  };
#define AUSPEX_ADD(name, meaning) add(#name, counters.name);
  AUSPEX_COUNTERS(AUSPEX_ADD)
#undef AUSPEX_ADD
  return text;
}

}  // namespace server
