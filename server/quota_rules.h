// What each host may deliver: the keys quota_records and quota_bytes_day for all, and a file with
// one line for each kind of host that is to be an exception.
//
//   file  := { line newline }
//   line  := blanks [ "#" anything | glob limit { limit } ]
//   limit := "records" number      records a second; 0: as many as come
//          | "bytes_day" number    MB in a day of UTC; 0: as many as come
//
// Globs are shell patterns, as in fnmatch(3), for the name of whoever is charged: see quotas.h. The
// first line that matches counts; a limit that it does not name is that of the key.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "server/config.h"

namespace server {

// Lines with limits. All are gone through for a host that is not known yet, on the network thread.
inline constexpr size_t kQuotaLinesMax = 1000;

// Of one host. 0: none.
struct QuotaLimits {
  uint32_t records_per_second = 0;
  uint64_t bytes_per_day = 0;

  friend bool operator==(const QuotaLimits&, const QuotaLimits&) = default;
};

class QuotaRules {
 public:
  // Nothing is limited.
  QuotaRules() = default;

  // kInvalidArgument names the file and the line of the first thing that is wrong.
  static absl::StatusOr<QuotaRules> Parse(QuotaLimits defaults, std::string_view text,
                                          const std::string& file_name);

  // Likewise, with the file that the options name, if they do; kNotFound or kUnavailable if it
  // cannot be read.
  static absl::StatusOr<QuotaRules> Read(const QuotaOptions& options);

  QuotaLimits LimitsOf(const std::string& name) const;

  // Of whoever matches no line.
  QuotaLimits defaults() const { return defaults_; }

  // Whether there is anybody whom they limit.
  bool limit_anybody() const;

 private:
  struct Line {
    std::string name_glob;
    QuotaLimits limits;
  };

  QuotaLimits defaults_;
  std::vector<Line> lines_;
};

}  // namespace server
