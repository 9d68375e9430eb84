// The audit netlink socket: where the kernel's records come from.

#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/file_descriptor.h"

namespace client_plugin {

// For one thread at a time.
class AuditSocket {
 public:
  enum class Role : uint8_t {
    kOwner,     // The kernel waits for this one, as it does for auditd. There can be no other.
    kListener,  // One of those that are told beside auditd (AUDIT_NLGRP_READLOG): nobody waits.
  };

  struct Options {
    Role role = Role::kOwner;

    // What may wait in the kernel for us, in bytes of its memory: SO_RCVBUFFORCE. Some thousand
    // records of a host that has just begun to do much.
    int receive_bytes = 8 << 20;
  };

  // kPermissionDenied without CAP_AUDIT_CONTROL (kOwner) or CAP_AUDIT_READ (kListener),
  // kFailedPrecondition if another process owns it, kUnimplemented if the kernel has no audit, else
  // kUnavailable. Who owns it gives it back when the object goes, and the kernel prints to its log
  // from then on.
  static absl::StatusOr<AuditSocket> Open(const Options& options);

  AuditSocket(AuditSocket&& other) = default;
  AuditSocket& operator=(AuditSocket&& other) = delete;
  ~AuditSocket();

  // What to wait for with poll(2).
  int descriptor() const { return socket_.get(); }

  // Calls `sink` with each record that has come, up to a batch of them, and does not wait. False if
  // there was none. kUnavailable if the socket is broken. The payload is valid during the call.
  absl::StatusOr<bool> Read(
      absl::FunctionRef<void(uint16_t message_type, std::string_view payload)> sink);

  // How often more has come than may wait: records were lost then. The kernel does not say how
  // many, of a listener; to its owner it counts them as lost.
  uint64_t overruns() const { return overruns_; }

 private:
  AuditSocket(Role role, base::FileDescriptor socket);

  Role role_;
  base::FileDescriptor socket_;
  uint64_t overruns_ = 0;
  std::vector<char> buffer_;
};

}  // namespace client_plugin
