// Container ids of the records that the kernel writes.

#include <chrono>
#include <cstdlib>
#include <libaudit.h>
#include <memory>
#include <poll.h>
#include <string>

#include <gtest/gtest.h>

#include "client-plugin/audit_socket.h"
#include "client-plugin/container_ids.h"
#include "client-plugin/kernel_record.h"
#include "tests/client-plugin/container_process.h"

namespace client_plugin {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

// The audit of this machine's kernel, enabled for the time of the test, with a rule that records
// what processes execute.
class ContainerKernelTest : public testing::Test {
 protected:
  void SetUp() override {
    control_ = audit_open();
    was_enabled_ = control_ < 0 ? -1 : audit_is_enabled(control_);
    if (was_enabled_ != 0) GTEST_SKIP() << "needs root, and a kernel's audit that nobody uses";
    auto socket = AuditSocket::Open({.role = AuditSocket::Role::kOwner});
    if (!socket.ok()) GTEST_SKIP() << socket.status();
    socket_ = *std::move(socket);
    ASSERT_GT(audit_set_enabled(control_, 1), 0);
    auto* const rule = static_cast<audit_rule_data*>(std::calloc(1, sizeof(audit_rule_data)));
    rule_.reset(rule);
    ASSERT_EQ(audit_rule_syscallbyname_data(rule, "execve"), 0);
    ASSERT_GT(audit_add_rule_data(control_, rule, AUDIT_FILTER_EXIT, AUDIT_ALWAYS), 0);
  }

  void TearDown() override {
    if (rule_ != nullptr) {
      audit_delete_rule_data(control_, rule_.get(), AUDIT_FILTER_EXIT, AUDIT_ALWAYS);
    }
    if (was_enabled_ == 0) audit_set_enabled(control_, 0);
    if (control_ >= 0) audit_close(control_);
  }

  // The first record of a container's id that comes; empty if none does in time.
  std::string AwaitContainerRecord() {
    std::string found;
    const auto deadline = steady_clock::now() + seconds(20);
    while (found.empty() && steady_clock::now() < deadline) {
      pollfd wait{.fd = socket_->descriptor(), .events = POLLIN, .revents = 0};
      poll(&wait, 1, 1000);
      const auto read = socket_->Read([&](uint16_t type, std::string_view payload) {
        std::string line;
        AppendLine(type, payload, &line);
        if (found.empty()) ids_.AppendRecord(type, line, &found);
      });
      EXPECT_TRUE(read.ok()) << read.status();
    }
    return found;
  }

  struct Free {
    void operator()(audit_rule_data* rule) const { std::free(rule); }
  };

  int control_ = -1;
  int was_enabled_ = -1;
  std::unique_ptr<AuditSocket> socket_;
  std::unique_ptr<audit_rule_data, Free> rule_;
  ContainerIds ids_;
};

TEST_F(ContainerKernelTest, NamesTheContainerOfAProcessThatExecutes) {
  const std::string id = ContainerIdOfTest('e');
  const ContainerProcess process(id);
  if (!process.is_there()) GTEST_SKIP() << "no control groups can be made here";
  ASSERT_TRUE(process.Execute());
  const std::string record = AwaitContainerRecord();
  EXPECT_TRUE(record.starts_with("type=KERNEL_OTHER msg=audit(")) << record;
  EXPECT_TRUE(record.ends_with("): contid=" + id)) << record;
}

}  // namespace
}  // namespace client_plugin
