#include "cli/host_printer.h"

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "base/utf8.h"
#include "query/escape.h"
#include "query/local_time.h"
#include "query/utc_time.h"

namespace cli {

namespace {

constexpr char kUnknown[] = "-";
constexpr std::string_view kBetween = "  ";

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
  add("address", false, [&](const ListedHost& host) {
    return of_contents(host, [](const HostContents& of) { return TextOf(of.address); });
  });
  add("records", true, [&](const ListedHost& host) {
    return of_contents(host, [](const HostContents& of) { return absl::StrCat(of.records); });
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

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char character : base::ToUtf8(text)) {
    if (character == '"' || character == '\\') quoted.push_back('\\');
    if (static_cast<unsigned char>(character) < 0x20) {
      absl::StrAppendFormat(&quoted, "\\u%04x", character);
    } else {
      quoted.push_back(character);
    }
  }
  quoted.push_back('"');
  return quoted;
}

void AppendContents(const storage::HostContents& contents, std::string* text) {
  if (!contents.address.empty()) {
    absl::StrAppend(text, ",\"address\":", Quoted(contents.address));
  }
  absl::StrAppend(text, ",\"records\":", contents.records);
  const auto add_time = [&](std::string_view name, const std::optional<uint64_t>& time_ms) {
    if (!time_ms) return;
    absl::StrAppendFormat(text, ",\"%s\":\"%s\"", name, query::UtcTimeText(*time_ms));
  };
  add_time("first_event", contents.first_ms);
  add_time("last_event", contents.last_ms);
}

void AppendLosses(const storage::Losses& losses, std::string* text) {
  absl::StrAppend(text, ",\"lost\":{");
  const char* comma = "";
  for (const storage::LossCause& cause : storage::kLossCauses) {
    absl::StrAppendFormat(text, "%s\"%s\":%d", comma, cause.name, losses.*cause.total);
    comma = ",";
  }
  text->push_back('}');
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
  for (const auto& [host, contents, losses] : hosts) {
    absl::StrAppendFormat(&text, "{\"host\":%s,\"identity\":\"%s\"", Quoted(host.name),
                          storage::KindName(host.kind));
    if (contents) AppendContents(*contents, &text);
    if (losses) AppendLosses(*losses, &text);
    text.append("}\n");
  }
  return text;
}

}  // namespace cli
