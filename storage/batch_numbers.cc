#include "storage/batch_numbers.h"

#include <algorithm>
#include <utility>

#include "storage/coding.h"

namespace storage {

namespace {

constexpr char kVersion = 1;

}  // namespace

Receipt BatchNumbers::Take(const Identity& agent, const BatchNumber& batch) {
  const std::string key = EncodeKey(agent);
  const auto known = agents_.find(key);
  if (known == agents_.end() && agents_.size() >= agents_max_) {
    return {.outcome = Receipt::Outcome::kNoRoom};
  }
  const uint64_t last = Last(agent, batch.boot_id);
  if (batch.number <= last) return {.outcome = Receipt::Outcome::kRepeated, .last_number = last};
  if (batch.follows != last) return {.outcome = Receipt::Outcome::kGap, .last_number = last};

  std::vector<Boot>& boots = known == agents_.end() ? agents_[key] : known->second;
  std::erase_if(boots, [&](const Boot& boot) { return boot.id == batch.boot_id; });
  if (boots.size() >= kBootsMax) boots.erase(boots.begin());
  boots.push_back({.id = batch.boot_id, .last = batch.number});
  return {.outcome = Receipt::Outcome::kStored, .last_number = batch.number};
}

uint64_t BatchNumbers::Last(const Identity& agent, std::string_view boot_id) const {
  const auto known = agents_.find(EncodeKey(agent));
  if (known == agents_.end()) return 0;
  const auto boot = std::ranges::find(known->second, boot_id, &Boot::id);
  return boot == known->second.end() ? 0 : boot->last;
}

std::string BatchNumbers::EncodeKey(const Identity& agent) {
  std::string key(kKeyPrefix);
  key.push_back(static_cast<char>(agent.kind));
  key.append(agent.name);
  return key;
}

std::string BatchNumbers::EncodeValue(const Identity& agent) const {
  std::string value(1, kVersion);
  for (const Boot& boot : agents_.at(EncodeKey(agent))) {
    PutBytes(&value, boot.id);
    PutVarint(&value, boot.last);
  }
  return value;
}

absl::Status BatchNumbers::Load(std::string_view key, std::string_view value) {
  if (value.empty() || value[0] != kVersion) {
    return absl::DataLossError("meta: an agent's batch numbers are of an unknown version");
  }
  value.remove_prefix(1);
  std::vector<Boot> boots;
  while (!value.empty()) {
    std::string_view id;
    Boot boot;
    if (!TakeBytes(&value, &id) || !TakeVarint(&value, &boot.last)) {
      return absl::DataLossError("meta: an agent's batch numbers are cut off");
    }
    boot.id = id;
    boots.push_back(std::move(boot));
  }
  agents_[std::string(key)] = std::move(boots);
  return absl::OkStatus();
}

}  // namespace storage
