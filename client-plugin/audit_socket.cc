#include "client-plugin/audit_socket.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <libaudit.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utility>

#include "absl/strings/str_cat.h"

#include "client-plugin/kernel_record.h"

namespace client_plugin {

namespace {

// Messages of one read: enough to spare system calls, not so many that the others wait.
constexpr size_t kMessages = 32;

// The largest that the kernel sends.
constexpr size_t kMessageBytes = NLMSG_HDRLEN + MAX_AUDIT_MESSAGE_LENGTH;

absl::Status Failed(const std::string& doing, int error) {
  const std::string message = absl::StrCat("audit: cannot ", doing, ": ", std::strerror(error));
  switch (error) {
    case EPERM:
    case EACCES:
      return absl::PermissionDeniedError(message);
    case EEXIST:
      return absl::FailedPreconditionError("audit: another process owns the audit socket");
    case EPROTONOSUPPORT:
    case EAFNOSUPPORT:
    case ECONNREFUSED:
      return absl::UnimplementedError(message);
    default:
      return absl::UnavailableError(message);
  }
}

// A process that owns the socket is asked by the kernel whether it is alive, and keeps it.
absl::Status Own(int fd) {
  const int sent = audit_set_pid(fd, static_cast<uint32_t>(getpid()), WAIT_NO);
  return sent > 0 ? absl::OkStatus() : Failed("become the owner of the audit socket", -sent);
}

}  // namespace

absl::StatusOr<std::unique_ptr<AuditSocket>> AuditSocket::Open(const Options& options) {
  const int fd = ::socket(PF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_AUDIT);
  if (fd < 0) return Failed("open the audit socket", errno);
  base::FileDescriptor owner(fd);
  // Without the right to exceed what the system allows, as much of it as it allows.
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &options.receive_bytes, sizeof(int)) != 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &options.receive_bytes, sizeof(int));
  }
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (options.role == Role::kListener) address.nl_groups = 1U << (AUDIT_NLGRP_READLOG - 1);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return Failed("bind the audit socket", errno);
  }
  if (options.role == Role::kOwner) {
    const absl::Status owned = Own(fd);
    if (!owned.ok()) return owned;
  }
  return std::unique_ptr<AuditSocket>(new AuditSocket(options.role, std::move(owner)));
}

AuditSocket::AuditSocket(Role role, base::FileDescriptor socket)
    : role_(role), socket_(std::move(socket)), buffer_(kMessages * kMessageBytes) {}

AuditSocket::~AuditSocket() { Leave(); }

void AuditSocket::Leave() {
  if (!std::exchange(is_member_, false)) return;
  if (role_ == Role::kOwner) {
    audit_set_pid(socket_.get(), 0, WAIT_NO);
  } else {
    const int group = AUDIT_NLGRP_READLOG;
    setsockopt(socket_.get(), SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &group, sizeof(group));
  }
}

absl::StatusOr<bool> AuditSocket::Read(Sink sink) {
  std::array<iovec, kMessages> parts;
  std::array<mmsghdr, kMessages> messages{};
  for (size_t i = 0; i < kMessages; ++i) {
    parts[i] = {buffer_.data() + i * kMessageBytes, kMessageBytes};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  const int count = recvmmsg(socket_.get(), messages.data(), kMessages, MSG_DONTWAIT, nullptr);
  if (count < 0) {
    if (errno == EAGAIN || errno == EINTR) return false;
    if (errno != ENOBUFS) return Failed("read the audit socket", errno);
    if (role_ == Role::kListener) ++overruns_;
    return true;
  }
  for (int i = 0; i < count; ++i) {
    const auto& [header, bytes] = messages[static_cast<size_t>(i)];
    if (bytes < NLMSG_HDRLEN) continue;
    nlmsghdr message{};
    const auto* const begin = static_cast<const char*>(header.msg_iov->iov_base);
    std::memcpy(&message, begin, sizeof(message));
    if (!IsRecord(message.nlmsg_type)) continue;
    // Not by nlmsg_len: kernels have left the header out of it for the owner (audit_log_end()).
    sink(message.nlmsg_type, {begin + NLMSG_HDRLEN, bytes - NLMSG_HDRLEN});
  }
  return true;
}

}  // namespace client_plugin
