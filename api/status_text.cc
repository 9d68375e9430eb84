#include "api/status_text.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "api/host_message.h"
#include "query/escape.h"
#include "query/utc_time.h"
#include "storage/losses.h"

namespace api {

namespace {

using auspex::v1::StatusResponse;

// A heading and the lines under it, whose values stand in one column.
class Section {
 public:
  explicit Section(std::string_view heading) : heading_(heading) {}

  void Add(std::string_view name, const std::string& value) {
    std::string shown;
    query::AppendWithoutControls(value, query::EscapeMode::kTty, &shown);
    lines_.emplace_back(std::string(name), std::move(shown));
  }

  // With an empty line before it, if there are others. Nothing without lines.
  void AppendTo(std::string* text) const {
    if (lines_.empty()) return;
    size_t width = 0;
    for (const auto& [name, value] : lines_) width = std::max(width, name.size());
    if (!text->empty()) text->push_back('\n');
    if (!heading_.empty()) absl::StrAppend(text, heading_, "\n");
    for (const auto& [name, value] : lines_) {
      absl::StrAppend(text, heading_.empty() ? "" : "  ", name,
                      std::string(width - name.size() + 2, ' '), value, "\n");
    }
  }

 private:
  const std::string heading_;
  std::vector<std::pair<std::string, std::string>> lines_;
};

std::string Bytes(uint64_t bytes) {
  constexpr std::pair<uint64_t, const char*> kUnits[] = {
      {uint64_t{1} << 40, "TiB"}, {uint64_t{1} << 30, "GiB"}, {uint64_t{1} << 20, "MiB"}};
  for (const auto& [unit, name] : kUnits) {
    if (bytes < unit) continue;
    return absl::StrFormat("%d (%.1f %s)", bytes,
                           static_cast<double>(bytes) / static_cast<double>(unit), name);
  }
  return absl::StrCat(bytes);
}

std::string Milliseconds(uint64_t us) {
  return absl::StrFormat("%.1f ms", static_cast<double>(us) / 1000);
}

std::string DurationText(const StatusResponse::Duration& duration) {
  std::string text = absl::StrCat(duration.count(), ", mean ", Milliseconds(duration.mean_us()));
  if (duration.half_us() > 0) {
    absl::StrAppend(&text, ", half within ", Milliseconds(duration.half_us()),
                    ", 99 of 100 within ", Milliseconds(duration.most_us()));
  }
  if (duration.longest_us() > 0) {
    absl::StrAppend(&text, ", longest ", Milliseconds(duration.longest_us()));
  }
  return text;
}

std::string UptimeText(uint64_t ms) {
  const uint64_t seconds = ms / 1000;
  return absl::StrFormat("%dd %02d:%02d:%02d", seconds / 86400, seconds / 3600 % 24,
                         seconds / 60 % 60, seconds % 60);
}

Section General(const StatusResponse& status) {
  Section section("");
  section.Add("version", status.version());
  section.Add("started", query::UtcTimeText(status.started_ms()));
  if (status.now_ms() > 0) {
    section.Add("now", query::UtcTimeText(status.now_ms()));
    section.Add("uptime",
                UptimeText(status.now_ms() - std::min(status.now_ms(), status.started_ms())));
  }
  section.Add("records", !status.suspended()           ? "taken in"
                         : status.suspended_by_admin() ? "refused: suspended by an admin"
                                                       : "refused: for want of space");
  section.Add("records/s", absl::StrFormat("%.1f", status.records_per_second()));
  if (status.hosts() > 0) section.Add("hosts", absl::StrCat(status.hosts()));
  section.Add("sessions", absl::StrCat(status.sessions()));
  section.Add("streams", absl::StrCat(status.streams()));
  for (const StatusResponse::Listener& listener : status.listeners()) {
    section.Add("listener",
                absl::StrCat(listener.name(), ", ", listener.address(), " port ", listener.port()));
  }
  section.Add("acknowledged", DurationText(status.acknowledgements()));
  section.Add("commits", DurationText(status.commits()));
  return section;
}

Section Store(const StatusResponse& status) {
  Section section("store");
  const StatusResponse::Store& store = status.store();
  section.Add("directory", store.directory());
  section.Add("state", store.is_open() ? "open" : "not open after a disk error");
  section.Add("tables", Bytes(store.table_bytes()));
  section.Add("in no block", absl::StrCat(store.open_records(), " records of ", store.open_hosts(),
                                          " hosts, ", Bytes(store.open_bytes())));
  if (status.has_space()) {
    section.Add("free", absl::StrCat(Bytes(status.space().free_bytes()), " of ",
                                     Bytes(status.space().total_bytes())));
    section.Add("stage", status.space().stage());
  }
  section.Add("holds", absl::StrCat(status.holds()));
  return section;
}

Section Losses(const StatusResponse& status) {
  Section section("lost before records came here, as agents tell");
  if (!status.has_losses()) return section;
  const storage::Losses losses = LossesOf(status.losses());
  for (const storage::LossCause& cause : storage::kLossCauses) {
    section.Add(cause.name, absl::StrCat(losses.*cause.total));
  }
  return section;
}

}  // namespace

std::string StatusText(const StatusResponse& status) {
  std::string text;
  General(status).AppendTo(&text);
  if (status.has_store()) Store(status).AppendTo(&text);
  Section rules("retention");
  for (const std::string& rule : status.retention_rules()) rules.Add(rule, "");
  rules.AppendTo(&text);
  Losses(status).AppendTo(&text);
  Section largest("hosts that take most");
  for (const auto& host : status.largest_hosts()) {
    largest.Add(host.name(), Bytes(host.contents().bytes()));
  }
  largest.AppendTo(&text);
  Section settings("configuration");
  for (const auto& setting : status.settings()) settings.Add(setting.name(), setting.value());
  settings.AppendTo(&text);
  Section counters("counters");
  for (const auto& counter : status.counters()) {
    counters.Add(counter.name(), absl::StrCat(counter.value()));
  }
  counters.AppendTo(&text);
  return text;
}

}  // namespace api
