// The audit netlink socket: where the kernel's records come from.

#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"

#include "base/file_descriptor.h"
#include "client-plugin/source.h"

namespace client_plugin {

class AuditSocket : public Source {
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
  // kUnavailable.
  static absl::StatusOr<std::unique_ptr<AuditSocket>> Open(const Options& options);

  AuditSocket(const AuditSocket&) = delete;
  ~AuditSocket() override;

  int descriptor() const override { return socket_.get(); }

  absl::StatusOr<bool> Read(Sink sink) override;

  // Who owns it gives it back: the kernel keeps records for the next owner, some, and prints them
  // to its log.
  void Leave() override;

  // Of a listener only; what its owner does not take the kernel counts as lost.
  uint64_t overruns() const override { return overruns_; }

 private:
  AuditSocket(Role role, base::FileDescriptor socket);

  const Role role_;
  base::FileDescriptor socket_;
  bool is_member_ = true;
  uint64_t overruns_ = 0;
  std::vector<char> buffer_;
};

}  // namespace client_plugin
