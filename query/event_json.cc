#include "query/event_json.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/escaping.h"
#include <nlohmann/json.hpp>

#include "audit/field.h"
#include "base/number.h"
#include "query/utc_time.h"

namespace query {

namespace {

using Json = nlohmann::ordered_json;
using OnBadText = Json::error_handler_t;

std::string Print(const Json& json, OnBadText handler) {
  return json.dump(-1, ' ', false, handler);
}

// Bytes that are not UTF-8 are replaced by one way of printing, and left out by the other.
bool IsUtf8(std::string_view text) {
  const Json json = text;
  return Print(json, OnBadText::replace) == Print(json, OnBadText::ignore);
}

// Fields that hold a decimal number in records of every type, so that each has one type for whoever
// indexes them. Others look like one at times: a0=4 is hexadecimal, res=1 is res=success elsewhere.
constexpr std::string_view kDecimalFields[] = {
    "argc", "auid",  "egid",  "euid",  "exit", "fsgid",    "fsuid",   "gid",     "ino",  "inode",
    "item", "items", "list",  "oauid", "ogid", "old-auid", "old-ses", "opid",    "oses", "ouid",
    "pid",  "ppid",  "sauid", "ses",   "sgid", "sig",      "suid",    "syscall", "uid",
};

Json ValueOf(std::string_view record_type, const audit::Field& field) {
  if (audit::IsAbsent(field.value)) return nullptr;
  const auto number = base::ParseNumber<int64_t>(field.value);
  if (number && std::to_string(*number) == field.value &&
      std::ranges::find(kDecimalFields, field.name) != std::end(kDecimalFields)) {
    return *number;
  }
  std::string decoded;
  return audit::DecodeValue(record_type, field, &decoded);
}

// A name can come more than once.
void AddField(Json value, std::string_view name, Json* fields) {
  const std::string key(name);
  if (name.empty()) {
    (*fields)[key].push_back(std::move(value));
    return;
  }
  if (!fields->contains(key)) {
    (*fields)[key] = std::move(value);
    return;
  }
  Json& slot = (*fields)[key];
  if (!slot.is_array()) slot = Json::array({std::move(slot)});
  slot.push_back(std::move(value));
}

const char* PlaceName(audit::FieldPlace place) {
  switch (place) {
    case audit::FieldPlace::kMessage:
      return "message";
    case audit::FieldPlace::kEnriched:
      return "enriched";
    case audit::FieldPlace::kRecord:
      break;
  }
  return "fields";
}

Json RecordJson(const audit::Record& record, std::string_view line) {
  Json json = {{"type", record.type}, {"fields", Json::object()}};
  audit::FieldReader fields(record.body);
  audit::Field field;
  while (fields.Next(&field)) {
    Json value = field.name.empty() ? Json(field.value) : ValueOf(record.type, field);
    AddField(std::move(value), field.name, &json[PlaceName(field.place)]);
  }
  json["raw"] = line;
  if (!IsUtf8(line)) json["raw_base64"] = absl::Base64Escape({line.data(), line.size()});
  return json;
}

}  // namespace

void AppendJson(const audit::Event& event, const EventOrigin& origin, std::string* text) {
  Json json = {{"time", UtcTimeText(event.stamp().time_ms)}, {"serial", event.stamp().serial}};
  if (!event.node().empty()) json["node"] = event.node();
  if (!origin.host.empty()) json["host"] = origin.host;
  if (!origin.identity.empty()) json["identity"] = origin.identity;
  if (!origin.address.empty()) json["address"] = origin.address;
  if (origin.received_ms) json["received"] = UtcTimeText(*origin.received_ms);
  Json keys = Json::array();
  Json records = Json::array();
  for (size_t index = 0; index < event.record_count(); ++index) {
    const audit::Record record = event.record(index);
    audit::KeyReader reader(record);
    std::string_view key;
    while (reader.Next(&key)) keys.push_back(key);
    records.push_back(RecordJson(record, event.line(index)));
  }
  if (!keys.empty()) json["keys"] = std::move(keys);
  json["records"] = std::move(records);
  text->append(Print(json, OnBadText::replace));
  text->push_back('\n');
}

}  // namespace query
