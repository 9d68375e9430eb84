#include "client-plugin/audit_socket.h"

#include <chrono>
#include <libaudit.h>
#include <optional>
#include <poll.h>
#include <string>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client-plugin/kernel_record.h"

namespace client_plugin {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

// The audit of this machine's kernel, enabled for the time of the test. Skipped where the test may
// not do that, or where an auditd is.
class AuditSocketTest : public testing::Test {
 protected:
  void SetUp() override {
    control_ = audit_open();
    const std::optional<audit_status> status = Status();
    if (!status) GTEST_SKIP() << "needs root, and audit in the kernel";
    if (status->pid != 0) GTEST_SKIP() << "process " << status->pid << " owns the audit socket";
    was_enabled_ = status->enabled;
    if (was_enabled_ == 2) GTEST_SKIP() << "the audit of the kernel is locked";
    ASSERT_GT(audit_set_enabled(control_, 1), 0);
  }

  void TearDown() override {
    if (was_enabled_) audit_set_enabled(control_, *was_enabled_);
    if (control_ >= 0) audit_close(control_);
  }

  // None if the kernel does not tell it.
  std::optional<audit_status> Status() const {
    if (control_ < 0 || audit_request_status(control_) <= 0) return std::nullopt;
    for (audit_reply reply; audit_get_reply(control_, &reply, GET_REPLY_BLOCKING, 0) > 0;) {
      if (reply.type == AUDIT_GET) return *reply.status;
      if (reply.type == NLMSG_ERROR && reply.error->error != 0) break;
    }
    return std::nullopt;
  }

  // Has the kernel make a record.
  void Say(const std::string& text) const {
    EXPECT_GT(
        audit_log_user_message(control_, AUDIT_TEST, text.c_str(), nullptr, nullptr, nullptr, 1),
        0);
  }

  // Reads until a line with this text comes; empty if none does in time.
  static std::string Await(AuditSocket& socket, const std::string& text) {
    std::string found;
    const auto deadline = steady_clock::now() + seconds(20);
    while (found.empty() && steady_clock::now() < deadline) {
      pollfd wait{.fd = socket.descriptor(), .events = POLLIN, .revents = 0};
      poll(&wait, 1, 1000);
      const auto read = socket.Read([&](uint16_t type, std::string_view payload) {
        std::string line;
        AppendLine(type, payload, &line);
        if (absl::StrContains(line, text)) found = line;
      });
      EXPECT_TRUE(read.ok()) << read.status();
    }
    return found;
  }

  // A text that is in no other record.
  const std::string text_ = absl::StrCat("auspex-", getpid());
  int control_ = -1;
  std::optional<uint32_t> was_enabled_;
};

TEST_F(AuditSocketTest, OwnsTheSocketAndGivesItBack) {
  {
    auto socket = AuditSocket::Open({.role = AuditSocket::Role::kOwner});
    ASSERT_TRUE(socket.ok()) << socket.status();
    EXPECT_EQ(Status()->pid, static_cast<uint32_t>(getpid()));
    Say(text_);
    const std::string line = Await(**socket, text_);
    EXPECT_THAT(line, testing::StartsWith("type=TEST msg=audit("));
    EXPECT_THAT(line, testing::HasSubstr("): pid="));
    EXPECT_FALSE(absl::StrContains(line, '\0'));
    const auto second = AuditSocket::Open({.role = AuditSocket::Role::kOwner});
    EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
    EXPECT_EQ(Status()->pid, static_cast<uint32_t>(getpid()));
  }
  EXPECT_EQ(Status()->pid, 0u);
}

TEST_F(AuditSocketTest, ListensBesideTheOwner) {
  auto owner = AuditSocket::Open({.role = AuditSocket::Role::kOwner});
  auto listener = AuditSocket::Open({.role = AuditSocket::Role::kListener});
  ASSERT_TRUE(owner.ok() && listener.ok()) << owner.status() << listener.status();
  Say(text_);
  const std::string heard = Await(**listener, text_);
  EXPECT_NE(heard, "");
  EXPECT_EQ(heard, Await(**owner, text_));
}

TEST_F(AuditSocketTest, CountsThatMoreCameThanMayWait) {
  auto listener = AuditSocket::Open({.role = AuditSocket::Role::kListener, .receive_bytes = 1});
  ASSERT_TRUE(listener.ok()) << listener.status();
  for (int i = 0; i < 200 && (*listener)->overruns() == 0; ++i) {
    for (int j = 0; j < 50; ++j) Say(text_);
    absl::StatusOr<bool> more = true;
    while (more.ok() && *more) more = (*listener)->Read([](uint16_t, std::string_view) {});
    ASSERT_TRUE(more.ok()) << more.status();
  }
  EXPECT_GT((*listener)->overruns(), 0u);
}

}  // namespace
}  // namespace client_plugin
