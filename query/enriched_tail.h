// What the auditd of a host has looked up for a record, and written behind a 0x1d byte:
//
//   tail := { NAME "=" value [ " " ] } | "SADDR={" ... "}"

#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace query {

class EnrichedTail {
 public:
  // Reads the tail of a record, without its 0x1d. It must outlive what Find() gives out.
  void Read(std::string_view tail);

  // The value behind this field's name in capitals, as written. None either for what auditd did not
  // know at the time ("unknown-..."): the libraries here may be newer.
  std::optional<std::string_view> Find(std::string_view field_name) const;

 private:
  std::vector<std::pair<std::string_view, std::string_view>> values_;
};

}  // namespace query
