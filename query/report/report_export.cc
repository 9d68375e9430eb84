#include "query/report/report_export.h"

#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/number.h"
#include "query/utc_time.h"

namespace query {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kTimeName = "time";
constexpr std::string_view kHostName = "host";
constexpr std::string_view kTotalName = "total";

void AppendCsvText(std::string_view value, std::string* text) {
  if (value.find_first_of(",\"\r\n") == std::string_view::npos) {
    text->append(value);
    return;
  }
  text->push_back('"');
  for (const char byte : value) {
    if (byte == '"') text->push_back('"');
    text->push_back(byte);
  }
  text->push_back('"');
}

// One line of either format, field by field.
class Line {
 public:
  explicit Line(bool is_csv) : is_csv_(is_csv) {}

  void AddText(std::string_view name, std::string_view value) {
    if (is_csv_) {
      AppendCsv(value);
    } else {
      json_[std::string(name)] = value;
    }
  }

  void AddNumber(std::string_view name, uint64_t value) {
    if (is_csv_) {
      AppendCsv(std::to_string(value));
    } else {
      json_[std::string(name)] = value;
    }
  }

  // A number that is written down; as text, if it is none.
  void AddWrittenNumber(std::string_view name, std::string_view value) {
    const auto number = base::ParseNumber<int64_t>(value);
    if (is_csv_ || !number) return AddText(name, value);
    json_[std::string(name)] = *number;
  }

  void AddNothing() {
    if (is_csv_) AppendCsv("");
  }

  void AppendTo(std::string* text) const {
    text->append(is_csv_ ? csv_ : json_.dump(-1, ' ', false, Json::error_handler_t::replace));
    text->push_back('\n');
  }

 private:
  void AppendCsv(std::string_view value) {
    if (!is_first_) csv_.push_back(',');
    is_first_ = false;
    AppendCsvText(value, &csv_);
  }

  const bool is_csv_;
  bool is_first_ = true;
  std::string csv_;
  Json json_ = Json::object();
};

// Events of a log need not name their host.
void AddHost(std::string_view host, Line* line) {
  if (host.empty()) {
    line->AddNothing();
  } else {
    line->AddText(kHostName, host);
  }
}

void AppendHeader(const std::vector<std::string_view>& names, std::string* text) {
  Line line(true);
  for (const std::string_view name : names) line.AddText(name, name);
  line.AppendTo(text);
}

// What the values of a summary are called.
std::string_view ValueName(const ReportDefinition& definition) {
  switch (definition.value_kind) {
    case ValueKind::kType:
      return "type";
    case ValueKind::kUser:
      return "user";
    default:
      return definition.kind == ReportKind::kHost  ? "remote_host"
             : definition.kind == ReportKind::kExe ? "exe"
             : definition.kind == ReportKind::kAvc ? "object"
                                                   : definition.name;
  }
}

constexpr std::string_view kLastEventName = "last_event";
constexpr std::string_view kLostName = "lost";

}  // namespace

void ReportExport::AppendRowHeader(std::string* text) const {
  if (!is_csv_) return;
  if (definition_.kind == ReportKind::kTimes) return AppendHeader({"log", "first", "last"}, text);
  std::vector<std::string_view> names = {kTimeName, kHostName};
  for (const ReportColumn& column : definition_.columns) names.push_back(column.name);
  AppendHeader(names, text);
}

void ReportExport::AppendSummaryHeader(bool by_host, std::string* text) const {
  if (!is_csv_) return;
  if (definition_.kind != ReportKind::kOverall) {
    if (by_host) return AppendHeader({kTotalName, kHostName, ValueName(definition_)}, text);
    return AppendHeader({kTotalName, ValueName(definition_)}, text);
  }
  std::vector<std::string_view> names;
  if (by_host) {
    names = {kHostName};
    for (const OverallCount count : kOverviewCounts) names.push_back(OverallName(count));
    names.push_back(kLostName);
    names.push_back(kLastEventName);
  } else {
    names = {"first_record", kLastEventName};
    for (size_t i = 0; i < kOverallCounts; ++i) {
      names.push_back(OverallName(static_cast<OverallCount>(i)));
    }
  }
  AppendHeader(names, text);
}

void ReportExport::AppendRow(const ReportRow& row, std::string* text) const {
  Line line(is_csv_);
  line.AddText(kTimeName, UtcTimeText(row.time_ms));
  AddHost(row.host, &line);
  for (size_t i = 0; i < row.cells.size(); ++i) {
    const ReportCell& cell = row.cells[i];
    const std::string_view name = definition_.columns[i].name;
    if (!cell.is_known) {
      line.AddNothing();
    } else if (cell.is_number) {
      line.AddWrittenNumber(name, cell.text);
    } else {
      line.AddText(name, cell.text);
    }
  }
  line.AppendTo(text);
}

void ReportExport::AppendTimes(const ReportTimes& times, std::string* text) const {
  Line line(is_csv_);
  line.AddText("log", times.name);
  if (times.first_ms) {
    line.AddText("first", UtcTimeText(*times.first_ms));
    line.AddText("last", UtcTimeText(times.last_ms));
  } else {
    line.AddNothing();
    line.AddNothing();
  }
  line.AppendTo(text);
}

void ReportExport::AppendTotal(const ReportTotal& total, bool has_host, std::string* text) const {
  Line line(is_csv_);
  line.AddNumber(kTotalName, total.row.total);
  if (has_host) AddHost(total.host, &line);
  if (total.row.is_number) {
    line.AddWrittenNumber(ValueName(definition_), total.row.value);
  } else {
    line.AddText(ValueName(definition_), total.row.value);
  }
  line.AppendTo(text);
}

void ReportExport::AppendOverall(const OverallReport& overall, std::string* text) const {
  Line line(is_csv_);
  line.AddText("first_record", UtcTimeText(overall.log_begin_ms));
  line.AddText(kLastEventName, UtcTimeText(overall.last_ms));
  for (size_t i = 0; i < overall.counts.size(); ++i) {
    line.AddNumber(OverallName(static_cast<OverallCount>(i)), overall.counts[i]);
  }
  line.AppendTo(text);
}

void ReportExport::AppendHost(const HostOverview& host, std::string* text) const {
  Line line(is_csv_);
  AddHost(host.host, &line);
  for (const OverallCount count : kOverviewCounts) {
    line.AddNumber(OverallName(count), host.counts[static_cast<size_t>(count)]);
  }
  line.AddNumber(kLostName, host.lost);
  if (host.last_ms) {
    line.AddText(kLastEventName, UtcTimeText(*host.last_ms));
  } else {
    line.AddNothing();
  }
  line.AppendTo(text);
}

}  // namespace query
