// The collector's own audit records: DAEMON_START and so on, in auditd's words, stored like any
// record under the host "auspexd".

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/committer.h"
#include "server/config.h"
#include "storage/retention.h"

namespace server {

// The host that own records belong to.
inline constexpr char kOwnHost[] = "auspexd";

// Belongs to the network thread.
class OwnRecords {
 public:
  // `committer` must outlive the object.
  OwnRecords(Committer& committer, const DaemonIdentity& identity);

  // Changes how further records name this machine.
  void SetIdentity(const DaemonIdentity& identity);

  void Start();
  void End();
  void Reconfigured(bool changed);

  // An admin has it take records in again.
  void Resumed();

  // A call of the API by somebody whom we know.
  struct ApiCall {
    std::string method;   // "Search".
    std::string caller;   // By the certificate; of the socket, empty.
    std::string uid;      // Through the socket: of the caller. Else empty.
    std::string address;  // Empty through the socket.
    std::string request;  // What was asked, as text.
    uint64_t results = 0;
    std::string failure;  // Empty if it was answered.
  };
  void Called(const ApiCall& call);

  // A connection that is served, or refused: `refused_for` is "wrap", "port", "dup" or "limit".
  void Accept(std::string_view address, uint16_t port);
  void Refuse(std::string_view refused_for, std::string_view address, uint16_t port);
  void Close(std::string_view address, uint16_t port);

  // Events were deleted, by a rule of retention or to make room.
  void Deleted(const storage::Deletion& deletion);

  // An agent says that it has lost batches.
  void BatchesLost(std::string_view agent, std::string_view boot_id, uint64_t count);

  // A host has delivered all that it may in a day; what more it sends is refused.
  void QuotaPassed(std::string_view host, uint64_t bytes_per_day);

  // Whether there is space changes: from "ok" to "full", or back.
  struct SpaceChange {
    std::string_view from;
    std::string_view to;
    bool is_worse = false;
    uint64_t free_bytes = 0;
  };
  void SpaceChanged(const SpaceChange& change);

  // An action of auditd.conf(5) for want of space has ended. `failure` is empty if it was taken.
  void SpaceActionEnded(std::string_view cause, std::string_view action, std::string_view failure);

  // Days were dropped to make room, or could not be.
  void DaysDropped(std::string_view cause, uint64_t bytes, std::string_view failure);

  // Is stored only if the store can write again.
  void WriteTested();

  // Something failed that no write returned: blocks cannot be made or read.
  void StoreFailed(std::string_view what);

  // What the store had to leave out when it was opened.
  void StoreDamaged(std::string_view what);

 private:
  void Write(std::string_view type, std::string_view body);

  Committer& committer_;
  std::string node_prefix_;  // "node=NAME ", or empty.
  uint32_t serial_ = 0;
};

}  // namespace server
