// Where the operators of this machine connect, and which of them.

#pragma once

#include <string>

namespace server {

struct LocalSocketOptions {
  std::string path;   // Empty: none.
  std::string group;  // May connect beside root. Empty: nobody.

  friend bool operator==(const LocalSocketOptions&, const LocalSocketOptions&) = default;
};

}  // namespace server
