// The keys of the configuration: what their values may be, and what becomes of them.

#pragma once

#include <span>
#include <string>
#include <string_view>

#include "server/config.h"

namespace server {

// A key that sets something in a Config.
struct HonouredKey {
  std::string_view name;
  std::string_view allowed;  // The values, in words.

  // Sets what `value` says, or returns what is wrong with it. `value` is not empty, and holds
  // no blank unless it is a list.
  std::string (*set)(std::string_view value, Config* config);

  // The value in force, or what it means that there is none.
  std::string (*show)(const Config& config);

  // Both may be null, and look at the whole configuration. What is wrong with the value when
  // it is seen beside the others, and what an administrator should know of it. Mostly nothing.
  std::string_view (*conflict)(const Config& config) = nullptr;
  std::string_view (*remark)(const Config& config) = nullptr;

  // May be null. What is wrong with it on this machine: it looks at files, and may ask the DNS.
  std::string (*inspect)(const Config& config) = nullptr;
};

// A key of auditd.conf(5), any version from 3.0.9 to 4.2, that has no meaning for us.
struct OtherKey {
  std::string_view name;
  std::string_view why;
};

// In the order of auspexd.conf(5).
std::span<const HonouredKey> HonouredKeys();

// Null if there is no such key. Upper and lower case are the same.
const HonouredKey* FindHonouredKey(std::string_view name);
const OtherKey* FindOtherKey(std::string_view name);

// The known key that is nearest to `name` and at most two edits away. Empty if there is none.
std::string_view NearestKey(std::string_view name);

}  // namespace server
