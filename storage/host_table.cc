#include "storage/host_table.h"

#include "storage/coding.h"
#include "storage/host_pattern.h"

namespace storage {

std::string HostTable::EncodeKey(HostId id) {
  std::string key(kKeyPrefix);
  PutFixed32(&key, id);
  return key;
}

std::string HostTable::EncodeValue(const Identity& host) {
  return static_cast<char>(host.kind) + host.name;
}

std::optional<HostId> HostTable::Find(const Identity& host) const {
  const auto found = ids_.find(EncodeValue(host));
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

std::vector<std::optional<Identity>> HostTable::Matching(
    const std::vector<std::string>& patterns, const std::vector<std::string>& visible) const {
  std::vector<std::optional<Identity>> matching(hosts_.size());
  for (HostId id = 0; id < hosts_.size(); ++id) {
    if (Matches(id, patterns, visible)) matching[id] = hosts_[id];
  }
  return matching;
}

bool HostTable::Matches(HostId id, const std::vector<std::string>& patterns,
                        const std::vector<std::string>& visible) const {
  const std::string& name = hosts_[id].name;
  return MatchesOneOf(patterns, name) && MatchesOneOf(visible, name);
}

HostId HostTable::Add(const Identity& host) {
  const auto id = static_cast<HostId>(hosts_.size());
  hosts_.push_back(host);
  ids_.emplace(EncodeValue(host), id);
  return id;
}

absl::Status HostTable::Load(std::string_view key, std::string_view value) {
  HostId id = 0;
  if (!key.starts_with(kKeyPrefix)) return absl::DataLossError("meta: not the key of a host");
  key.remove_prefix(kKeyPrefix.size());
  if (!TakeFixed32(&key, &id) || id != hosts_.size() || value.empty() || value[0] < 0 ||
      value[0] > static_cast<char>(IdentityKind::kCertificate)) {
    return absl::DataLossError("meta: the table of hosts is damaged");
  }
  const auto kind = static_cast<IdentityKind>(value[0]);
  hosts_.push_back({.kind = kind, .name = std::string(value.substr(1))});
  ids_.emplace(value, id);
  return absl::OkStatus();
}

void HostTable::Clear() {
  hosts_.clear();
  ids_.clear();
}

}  // namespace storage
