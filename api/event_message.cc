#include "api/event_message.h"

#include "absl/strings/str_cat.h"

namespace api {

namespace {

namespace v1 = auspex::v1;
using storage::SearchOrder;

constexpr char kCursorVersion = 1;
constexpr size_t kNumberBytes = sizeof(uint64_t);

}  // namespace

absl::StatusOr<SearchOrder> OrderOf(v1::Order order) {
  switch (order) {
    case v1::ORDER_RECEIPT:
      return SearchOrder::kReceipt;
    case v1::ORDER_RECEIPT_DESCENDING:
      return SearchOrder::kReceiptDescending;
    case v1::ORDER_TIME:
      return SearchOrder::kTime;
    case v1::ORDER_TIME_DESCENDING:
      return SearchOrder::kTimeDescending;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("order ", static_cast<int>(order), " is not defined"));
  }
}

v1::Order MessageOf(SearchOrder order) {
  switch (order) {
    case SearchOrder::kReceipt:
      return v1::ORDER_RECEIPT;
    case SearchOrder::kReceiptDescending:
      return v1::ORDER_RECEIPT_DESCENDING;
    case SearchOrder::kTime:
      return v1::ORDER_TIME;
    case SearchOrder::kTimeDescending:
      return v1::ORDER_TIME_DESCENDING;
  }
  return v1::ORDER_RECEIPT;
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

absl::StatusOr<storage::SearchCursor> CursorOf(std::string_view bytes) {
  storage::SearchCursor cursor;
  const absl::Status wrong = absl::InvalidArgumentError("after: not a cursor of this collector");
  if (bytes.size() != 2 + cursor.key.size() * kNumberBytes || bytes[0] != kCursorVersion) {
    return wrong;
  }
  const absl::StatusOr<SearchOrder> order = OrderOf(static_cast<v1::Order>(bytes[1]));
  if (!order.ok()) return wrong;
  cursor.order = *order;
  bytes.remove_prefix(2);
  for (uint64_t& number : cursor.key) {
    for (const char byte : bytes.substr(0, kNumberBytes)) {
      number = number << 8 | static_cast<uint8_t>(byte);
    }
    bytes.remove_prefix(kNumberBytes);
  }
  return cursor;
}

std::string MessageOf(const storage::SearchCursor& cursor) {
  std::string bytes = {kCursorVersion, static_cast<char>(MessageOf(cursor.order))};
  for (const uint64_t number : cursor.key) {
    for (size_t byte = kNumberBytes; byte-- > 0;) {
      bytes.push_back(static_cast<char>(number >> (8 * byte)));
    }
  }
  return bytes;
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

}  // namespace api
