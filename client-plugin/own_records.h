// The agent's own audit records, in auditd's words: that it has started, what it has lost.

#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "client-plugin/losses.h"

namespace client_plugin {

// For any thread. Each function returns a record, a line without its end.
class OwnRecords {
 public:
  // `format` is "raw" or "enriched", as auditd tells it.
  std::string Started(std::string_view format);
  std::string Ended();
  std::string Reconfigured(bool changed);

  // Totals since the boot.
  std::string Lost(const Losses& losses);

  // The kernel's rules are others than those of the files, or are those again. `fields` are of an
  // audit record, and say how.
  std::string RulesDrifted(std::string_view fields);
  std::string RulesAgree();

 private:
  std::string Make(std::string_view type, std::string_view body);

  std::mutex mutex_;  // Guards what follows.
  uint32_t serial_ = 0;
};

}  // namespace client_plugin
