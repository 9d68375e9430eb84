#include "storage/host_losses.h"

#include <algorithm>
#include <utility>

#include "storage/coding.h"

namespace storage {

namespace {

constexpr char kVersion = 1;

void PutTotals(std::string* out, const Losses& totals) {
  for (const LossCause& cause : kLossCauses) PutVarint(out, totals.*cause.total);
}

bool TakeTotals(std::string_view* in, Losses* totals) {
  return std::ranges::all_of(
      kLossCauses, [&](const LossCause& cause) { return TakeVarint(in, &(totals->*cause.total)); });
}

}  // namespace

bool HostLosses::Take(HostId host, const BootLosses& told) {
  OfHost& known = hosts_[host];
  const auto boot = std::ranges::find(known.boots, told.boot_id, &BootLosses::boot_id);
  if (boot == known.boots.end()) {
    if (known.boots.size() >= kBootsMax) {
      AddLosses(known.boots.front().totals, &known.forgotten);
      known.boots.erase(known.boots.begin());
    }
    known.boots.push_back(told);
    return true;
  }
  const Losses before = boot->totals;
  for (const LossCause& cause : kLossCauses) {
    uint64_t& total = boot->totals.*cause.total;
    total = std::max(total, told.totals.*cause.total);
  }
  if (boot->totals == before) return false;
  std::rotate(boot, boot + 1, known.boots.end());
  return true;
}

Losses HostLosses::SumOf(const OfHost& host) {
  Losses sum = host.forgotten;
  for (const BootLosses& boot : host.boots) AddLosses(boot.totals, &sum);
  return sum;
}

Losses HostLosses::Sum(HostId host) const { return SumOf(hosts_.at(host)); }

absl::flat_hash_map<HostId, Losses> HostLosses::Sums() const {
  absl::flat_hash_map<HostId, Losses> sums;
  for (const auto& [host, known] : hosts_) sums[host] = SumOf(known);
  return sums;
}

std::string HostLosses::EncodeKey(HostId host) {
  std::string key(kKeyPrefix);
  PutFixed32(&key, host);
  return key;
}

std::string HostLosses::EncodeValue(HostId host) const {
  const OfHost& known = hosts_.at(host);
  std::string value(1, kVersion);
  PutTotals(&value, known.forgotten);
  for (const BootLosses& boot : known.boots) {
    PutBytes(&value, boot.boot_id);
    PutTotals(&value, boot.totals);
  }
  return value;
}

absl::Status HostLosses::Load(std::string_view key, std::string_view value) {
  HostId host = 0;
  if (key.starts_with(kKeyPrefix)) key.remove_prefix(kKeyPrefix.size());
  if (!TakeFixed32(&key, &host) || !key.empty()) {
    return absl::DataLossError("meta: not the key of a host's losses");
  }
  if (value.empty() || value[0] != kVersion) {
    return absl::DataLossError("meta: the losses of a host are of an unknown version");
  }
  value.remove_prefix(1);
  OfHost known;
  bool is_whole = TakeTotals(&value, &known.forgotten);
  while (is_whole && !value.empty()) {
    std::string_view boot_id;
    BootLosses boot;
    is_whole = TakeBytes(&value, &boot_id) && TakeTotals(&value, &boot.totals);
    boot.boot_id = boot_id;
    known.boots.push_back(std::move(boot));
  }
  if (!is_whole) return absl::DataLossError("meta: the losses of a host are cut off");
  hosts_[host] = std::move(known);
  return absl::OkStatus();
}

}  // namespace storage
