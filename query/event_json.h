// An event as a line of JSON: --format json, which is ours.
//
//   event    := { "time": "2020-09-13T12:26:40.100Z", "serial": 5, "node": ..., "host": ...,
//                 "identity": ..., "address": ..., "received": ..., "keys": [...],
//                 "records": [record, ...] }
//   record   := { "type": "SYSCALL", "fields": fields, "message": fields, "enriched": fields,
//                 "raw": "type=SYSCALL ..." }
//   fields   := { name: value, ... }
//
// What is not known is left out: the node of records that name none, the host of a log that is in
// no store. "message" are the fields of msg='...', "enriched" what auditd has looked up. A value is
// a number in the fields that always hold decimal numbers, such as pid, uid, exit and inode; a
// string, without its quotes and decoded, otherwise; null for (null), (none) and ?; and an array of
// these if the name comes more than once. Words without a name are in an array under "". Bytes that
// are not UTF-8 become U+FFFD, and the record has "raw_base64" then, which is exact.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "audit/event.h"

namespace query {

// How an event came into a store. Empty for what is not known.
struct EventOrigin {
  std::string_view host = {};      // By what its host is known there,
  std::string_view identity = {};  // and where that comes from: "node", "address".
  std::string_view address = {};   // Of the client that sent it.
  std::optional<uint64_t> received_ms = {};
};

// Appends the object and a newline. Times are in UTC, by RFC 3339.
void AppendJson(const audit::Event& event, const EventOrigin& origin, std::string* text);

}  // namespace query
