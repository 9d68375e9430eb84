// Events, cursors and orders as messages (proto/auspex/v1/query.proto): for who answers, and for
// who asks.

#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

#include "audit/event.h"
#include "audit/record.h"
#include "proto/auspex/v1/query.pb.h"
#include "query/field_interpreter.h"
#include "storage/search.h"

namespace api {

// kInvalidArgument if it is not defined.
absl::StatusOr<storage::SearchOrder> OrderOf(auspex::v1::Order order);
auspex::v1::Order MessageOf(storage::SearchOrder order);

auspex::v1::Event::IdentityKind MessageOf(storage::IdentityKind kind);

// The reverse. One that is not defined is taken for the first.
storage::IdentityKind IdentityKindOf(auspex::v1::Event::IdentityKind kind);

// Opaque to callers:
//
//   cursor := version u8 (1) | order u8 | number u64 (5 times, big-endian)
//
// kInvalidArgument if the bytes are none.
absl::StatusOr<storage::SearchCursor> CursorOf(std::string_view bytes);
std::string MessageOf(const storage::SearchCursor& cursor);

// The event of a message. kInvalidArgument if it has no record, or one that is malformed or of
// another event.
absl::StatusOr<audit::Event> EventOf(const auspex::v1::Event& message);

// Each of these fills in an empty message.
void Fill(const storage::FoundEvent& found, auspex::v1::Event* message);
void Fill(const storage::MalformedRecord& found, auspex::v1::MalformedRecord* message);
void Fill(const audit::Record& record, query::FieldInterpreter& fields,
          auspex::v1::GetEventResponse::Record* message);

}  // namespace api
