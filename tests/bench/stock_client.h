// A stock client as the benches play it: one record, then its acknowledgement, at little cost,
// since the server under test has to share the machine with it.

#pragma once

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"

#include "audit/frame.h"

namespace bench {

using Clock = std::chrono::steady_clock;

inline absl::Status ErrnoStatus(std::string_view what) {
  return absl::UnavailableError(absl::StrFormat("%s: %s", what, std::strerror(errno)));
}

// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }

  int get() const { return fd_; }

 private:
  int fd_;
};

// Connects to the server from the loopback address with this number.
inline absl::StatusOr<Descriptor> Connect(uint16_t port, uint32_t address_number) {
  Descriptor descriptor(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (descriptor.get() < 0) return ErrnoStatus("socket");
  const int on = 1;
  setsockopt(descriptor.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

  sockaddr_in source{};
  source.sin_family = AF_INET;
  source.sin_addr.s_addr = htonl((uint32_t{127} << 24) + (uint32_t{1} << 16) + address_number);
  if (bind(descriptor.get(), reinterpret_cast<const sockaddr*>(&source), sizeof(source)) != 0) {
    return ErrnoStatus("bind");
  }
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(port);
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(descriptor.get(), reinterpret_cast<const sockaddr*>(&server), sizeof(server)) != 0) {
    return ErrnoStatus("connect");
  }
  return descriptor;
}

// A stop-and-wait client with one record in flight. Every record has a stamp of its own, so that
// each is an event, and its client a host.
class Client {
 public:
  // `socket` is connected and does not block.
  Client(Descriptor socket, size_t record_bytes)
      : socket_(std::move(socket)), message_(audit::kFrameHeaderBytes, '\0') {
    message_ += absl::StrFormat("type=USER_LOGIN msg=audit(1700000000.000:1000000000): %s", kBody);
    message_.resize(audit::kFrameHeaderBytes + std::max(record_bytes, kRecordBytesMin), 'x');
    message_ += '\n';
  }

  int fd() const { return socket_.get(); }

  // Makes the next record; returns its frame, which is valid until the next one is made.
  const std::string& MakeNext() {
    ++sequence_;
    WriteDigits(kSecondsEnd, 1700000000 + sequence_ / 1000);
    WriteDigits(kMillisecondsEnd, sequence_ % 1000, 3);
    WriteDigits(kSerialEnd, 1000000000 + sequence_);
    const audit::FrameBytes header = audit::EncodeFrameHeader(
        {.type = audit::FrameType::kMessage,
         .body_bytes = static_cast<uint16_t>(message_.size() - audit::kFrameHeaderBytes),
         .sequence = sequence_});
    std::copy(header.begin(), header.end(), message_.begin());
    return message_;
  }

  // Sends the next record.
  absl::Status Send() {
    MakeNext();
    sent_at_ = Clock::now();
    const ssize_t sent = send(fd(), message_.data(), message_.size(), MSG_NOSIGNAL);
    // One small record always fits into the buffer of a socket whose peer has read the last.
    if (sent != static_cast<ssize_t>(message_.size())) return ErrnoStatus("send");
    return absl::OkStatus();
  }

  // Reads what has come. True if it completes the ack of the record in flight; anything but
  // that ack is a failure.
  absl::StatusOr<bool> ReceiveAck() {
    const ssize_t got = recv(fd(), ack_.data() + ack_bytes_, ack_.size() - ack_bytes_, 0);
    if (got < 0) return ErrnoStatus("recv");
    if (got == 0) return absl::UnavailableError("the server has hung up");
    ack_bytes_ += static_cast<size_t>(got);
    if (ack_bytes_ < ack_.size()) return false;
    ack_bytes_ = 0;
    const absl::StatusOr<audit::FrameHeader> ack = audit::DecodeFrameHeader(ack_);
    if (!ack.ok()) return ack.status();
    if (*ack != audit::FrameHeader{audit::FrameType::kAck, 0, sequence_}) {
      return absl::UnavailableError(absl::StrFormat("frame of type 0x%08x in place of an ack",
                                                    static_cast<uint32_t>(ack->type)));
    }
    return true;
  }

  Clock::time_point sent_at() const { return sent_at_; }

 private:
  static constexpr std::string_view kBody =
      "pid=4242 uid=0 auid=1000 ses=7 msg='op=login id=1000 exe=\"/usr/sbin/sshd\" hostname=? "
      "addr=10.0.0.1 terminal=ssh res=success' note=";
  static constexpr std::string_view kPrefix = "type=USER_LOGIN msg=audit(";
  static constexpr size_t kSecondsEnd = audit::kFrameHeaderBytes + kPrefix.size() + 10;
  static constexpr size_t kMillisecondsEnd = kSecondsEnd + 4;
  static constexpr size_t kSerialEnd = kMillisecondsEnd + 11;
  // The prefix with its stamp, "): " and the body.
  static constexpr size_t kRecordBytesMin =
      kSerialEnd - audit::kFrameHeaderBytes + 3 + kBody.size();

  // Overwrites the last `digits` digits before `end`.
  void WriteDigits(size_t end, uint32_t number, size_t digits = 10) {
    for (size_t i = 1; i <= digits; ++i) {
      message_[end - i] = static_cast<char>('0' + number % 10);
      number /= 10;
    }
  }

  Descriptor socket_;
  std::string message_;  // The frame: header, record, newline.
  uint32_t sequence_ = 0;
  Clock::time_point sent_at_;
  audit::FrameBytes ack_{};
  size_t ack_bytes_ = 0;
};

}  // namespace bench
