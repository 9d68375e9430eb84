#include "cli/host_printer.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include <nlohmann/json.hpp>

#include "query/escape.h"
#include "query/local_time.h"
#include "query/utc_time.h"

namespace cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr char kUnknown[] = "-";
constexpr std::string_view kBetween = "  ";

// What delivers the records of a host.
std::string_view SenderOf(const storage::ListedHost& host) {
  if (host.host.kind == storage::IdentityKind::kCollector) return "itself";
  const bool came_from_nowhere =
      host.contents && host.contents->records > 0 && host.contents->address.empty();
  if (came_from_nowhere) return "import";
  return host.host.kind == storage::IdentityKind::kCertificate ? "agent" : "audisp-remote";
}

// ---- Text ----

struct Column {
  std::string heading;
  bool is_number = false;  // Stands at the right.
  std::vector<std::string> cells = {};
};

std::string TextOf(std::string_view written) {
  if (written.empty()) return kUnknown;
  std::string text;
  query::AppendWithoutControls(written, query::EscapeMode::kTty, &text);
  return text;
}

std::string TimeOf(const std::optional<uint64_t>& time_ms, const absl::TimeZone& zone) {
  if (!time_ms) return kUnknown;
  const std::tm time = query::LocalTime(*time_ms, zone);
  std::string text;
  query::AppendTime(time, "%x %T", &text);
  absl::StrAppendFormat(&text, ".%03d", *time_ms % 1000);
  return text;
}

std::vector<Column> ColumnsOf(const std::vector<storage::ListedHost>& hosts,
                              const absl::TimeZone& zone) {
  std::vector<Column> columns;
  const auto add = [&](std::string_view heading, bool is_number, const auto& cell) {
    Column& column = columns.emplace_back(
        Column{.heading = std::string(heading), .is_number = is_number, .cells = {}});
    for (const storage::ListedHost& host : hosts) column.cells.push_back(cell(host));
  };
  const auto of_contents = [](const storage::ListedHost& host, const auto& cell) {
    return host.contents ? cell(*host.contents) : std::string(kUnknown);
  };
  using storage::HostContents;
  using storage::ListedHost;
  add("host", false, [](const ListedHost& host) { return TextOf(host.host.name); });
  add("identity", false,
      [](const ListedHost& host) { return std::string(storage::KindName(host.host.kind)); });
  add("sender", false, [](const ListedHost& host) { return std::string(SenderOf(host)); });
  add("address", false, [&](const ListedHost& host) {
    return of_contents(host, [](const HostContents& of) { return TextOf(of.address); });
  });
  add("records", true, [&](const ListedHost& host) {
    return of_contents(host, [](const HostContents& of) { return absl::StrCat(of.records); });
  });
  add("bytes", true, [&](const ListedHost& host) {
    return of_contents(host, [](const HostContents& of) { return absl::StrCat(of.bytes); });
  });
  add("records/s", true, [](const ListedHost& host) {
    return host.pace ? absl::StrFormat("%.1f", host.pace->records_per_second) : kUnknown;
  });
  add("clock lag", true, [](const ListedHost& host) {
    const bool is_known = host.pace && host.pace->clock_lag_ms;
    return is_known ? absl::StrFormat("%.1fs", static_cast<double>(*host.pace->clock_lag_ms) / 1000)
                    : kUnknown;
  });
  for (const storage::LossCause& cause : storage::kLossCauses) {
    add(cause.name, true, [&](const ListedHost& host) {
      return host.losses ? absl::StrCat(*host.losses.*cause.total) : std::string(kUnknown);
    });
  }
  add("first event", false, [&](const ListedHost& host) {
    return of_contents(host, [&](const HostContents& of) { return TimeOf(of.first_ms, zone); });
  });
  add("last event", false, [&](const ListedHost& host) {
    return of_contents(host, [&](const HostContents& of) { return TimeOf(of.last_ms, zone); });
  });
  return columns;
}

// ---- JSON ----

void AddContents(const storage::HostContents& contents, Json* json) {
  if (!contents.address.empty()) (*json)["address"] = contents.address;
  (*json)["records"] = contents.records;
  (*json)["bytes"] = contents.bytes;
  if (contents.first_ms) (*json)["first_event"] = query::UtcTimeText(*contents.first_ms);
  if (contents.last_ms) (*json)["last_event"] = query::UtcTimeText(*contents.last_ms);
}

void AddPace(const storage::HostPace& pace, Json* json) {
  (*json)["records_per_second"] = std::round(pace.records_per_second * 1000) / 1000;
  if (pace.clock_lag_ms) (*json)["clock_lag_ms"] = *pace.clock_lag_ms;
  (*json)["last_received"] = query::UtcTimeText(pace.last_received_ms);
}

Json LossesOf(const storage::Losses& losses) {
  Json json;
  for (const storage::LossCause& cause : storage::kLossCauses) {
    json[cause.name] = losses.*cause.total;
  }
  return json;
}

}  // namespace

std::string HostTable(const std::vector<storage::ListedHost>& hosts, const absl::TimeZone& zone) {
  std::string text;
  if (hosts.empty()) return text;
  std::vector<Column> columns = ColumnsOf(hosts, zone);
  for (Column& column : columns) column.cells.insert(column.cells.begin(), column.heading);
  std::vector<size_t> widths;
  for (const Column& column : columns) {
    widths.push_back(std::ranges::max_element(column.cells, {}, &std::string::size)->size());
  }
  for (size_t line = 0; line <= hosts.size(); ++line) {
    for (size_t i = 0; i < columns.size(); ++i) {
      const std::string& cell = columns[i].cells[line];
      const std::string blanks(widths[i] - cell.size(), ' ');
      const bool is_last = i + 1 == columns.size();
      if (columns[i].is_number) {
        absl::StrAppend(&text, blanks, cell);
      } else {
        absl::StrAppend(&text, cell, is_last ? "" : blanks);
      }
      text.append(is_last ? "\n" : kBetween);
    }
  }
  return text;
}

std::string HostLines(const std::vector<storage::ListedHost>& hosts) {
  std::string text;
  for (const storage::ListedHost& host : hosts) {
    Json json = {{"host", host.host.name},
                 {"identity", storage::KindName(host.host.kind)},
                 {"sender", SenderOf(host)}};
    if (host.contents) AddContents(*host.contents, &json);
    if (host.pace) AddPace(*host.pace, &json);
    if (host.losses) json["lost"] = LossesOf(*host.losses);
    absl::StrAppend(&text, json.dump(-1, ' ', false, Json::error_handler_t::replace), "\n");
  }
  return text;
}

}  // namespace cli
