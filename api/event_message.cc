#include "api/event_message.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"

#include "audit/record_type.h"
#include "base/utf8.h"
#include "query/event_fields.h"
#include "storage/coding.h"

namespace api {

namespace {

namespace v1 = auspex::v1;
using storage::SearchOrder;

constexpr char kCursorVersion = 1;

struct NamedOrder {
  v1::Order message;
  SearchOrder order;
};

constexpr NamedOrder kOrders[] = {
    {v1::ORDER_RECEIPT, SearchOrder::kReceipt},
    {v1::ORDER_RECEIPT_DESCENDING, SearchOrder::kReceiptDescending},
    {v1::ORDER_TIME, SearchOrder::kTime},
    {v1::ORDER_TIME_DESCENDING, SearchOrder::kTimeDescending},
    {v1::ORDER_WHOLE, SearchOrder::kWhole},
};

v1::GetEventResponse::Place MessageOf(audit::FieldPlace place) {
  switch (place) {
    case audit::FieldPlace::kRecord:
      return v1::GetEventResponse::PLACE_RECORD;
    case audit::FieldPlace::kMessage:
      return v1::GetEventResponse::PLACE_MESSAGE;
    case audit::FieldPlace::kEnriched:
      return v1::GetEventResponse::PLACE_ENRICHED;
  }
  return v1::GetEventResponse::PLACE_RECORD;
}

}  // namespace

absl::StatusOr<SearchOrder> OrderOf(v1::Order order) {
  const auto* const found = std::ranges::find(kOrders, order, &NamedOrder::message);
  if (found != std::end(kOrders)) return found->order;
  return absl::InvalidArgumentError(
      absl::StrCat("order ", static_cast<int>(order), " is not defined"));
}

v1::Order MessageOf(SearchOrder order) {
  return std::ranges::find(kOrders, order, &NamedOrder::order)->message;
}

v1::Event::IdentityKind MessageOf(storage::IdentityKind kind) {
  switch (kind) {
    case storage::IdentityKind::kCollector:
      return v1::Event::IDENTITY_KIND_COLLECTOR;
    case storage::IdentityKind::kAddress:
      return v1::Event::IDENTITY_KIND_ADDRESS;
    case storage::IdentityKind::kNode:
      return v1::Event::IDENTITY_KIND_NODE;
    case storage::IdentityKind::kCertificate:
      return v1::Event::IDENTITY_KIND_CERTIFICATE;
  }
  return v1::Event::IDENTITY_KIND_COLLECTOR;
}

storage::IdentityKind IdentityKindOf(v1::Event::IdentityKind kind) {
  switch (kind) {
    case v1::Event::IDENTITY_KIND_ADDRESS:
      return storage::IdentityKind::kAddress;
    case v1::Event::IDENTITY_KIND_NODE:
      return storage::IdentityKind::kNode;
    case v1::Event::IDENTITY_KIND_CERTIFICATE:
      return storage::IdentityKind::kCertificate;
    default:
      return storage::IdentityKind::kCollector;
  }
}

absl::StatusOr<storage::SearchCursor> CursorOf(std::string_view bytes) {
  const absl::Status wrong = absl::InvalidArgumentError("after: not a cursor of this collector");
  if (bytes.size() < 2 || bytes[0] != kCursorVersion) return wrong;
  const absl::StatusOr<SearchOrder> order = OrderOf(static_cast<v1::Order>(bytes[1]));
  if (!order.ok()) return wrong;
  bytes.remove_prefix(2);
  storage::SearchCursor cursor{.order = *order};
  for (uint64_t& number : cursor.key) {
    if (!storage::TakeFixed64(&bytes, &number)) return wrong;
  }
  if (!bytes.empty()) return wrong;
  return cursor;
}

std::string MessageOf(const storage::SearchCursor& cursor) {
  std::string bytes = {kCursorVersion, static_cast<char>(MessageOf(cursor.order))};
  for (const uint64_t number : cursor.key) storage::PutFixed64(&bytes, number);
  return bytes;
}

absl::StatusOr<audit::Event> EventOf(const v1::Event& message) {
  if (message.records().empty()) return absl::InvalidArgumentError("event: no records");
  const absl::StatusOr<audit::Record> first = audit::ParseRecord(message.records(0));
  if (!first.ok()) return absl::InvalidArgumentError("event: a malformed record");
  audit::Event event(first->node, first->stamp);
  size_t bytes = 0;
  for (const std::string& line : message.records()) bytes += line.size();
  event.Reserve(bytes);
  for (const std::string& line : message.records()) {
    const absl::StatusOr<audit::Record> record = audit::ParseRecord(line);
    if (!record.ok()) return absl::InvalidArgumentError("event: a malformed record");
    if (record->stamp != first->stamp) {
      return absl::InvalidArgumentError("event: a record of another event");
    }
    event.Add(line);
  }
  return event;
}

void Fill(const storage::FoundEvent& found, v1::Event* message) {
  message->set_host(found.host.name);
  message->set_identity(MessageOf(found.host.kind));
  message->set_address(std::string(found.address));
  message->set_received_ms(found.received_ms);
  message->set_time_ms(found.event.stamp().time_ms);
  message->set_serial(found.event.stamp().serial);
  for (size_t i = 0; i < found.event.record_count(); ++i) {
    message->add_records(std::string(found.event.line(i)));
  }
  message->set_pending(found.pending);
  message->set_cursor(MessageOf(found.cursor));
}

void Fill(const storage::MalformedRecord& found, v1::MalformedRecord* message) {
  message->set_host(found.host.name);
  message->set_identity(MessageOf(found.host.kind));
  message->set_address(std::string(found.address));
  message->set_received_ms(found.received_ms);
  message->set_line(std::string(found.line));
}

void Fill(const audit::Record& record, query::FieldInterpreter& fields,
          auspex::v1::GetEventResponse::Record* message) {
  message->set_type(base::ToUtf8(record.type));
  if (const auto number = audit::RecordTypeNumber(record.type)) message->set_type_number(*number);
  query::ForEachField(record, fields, [&](const query::FieldMeaning& field) {
    auspex::v1::GetEventResponse::Field& added = *message->add_fields();
    added.set_name(base::ToUtf8(field.name));
    added.set_value(std::string(field.value));
    added.set_meaning(base::ToUtf8(field.meaning));
    added.set_place(MessageOf(field.place));
  });
}

}  // namespace api
