// Does what an action asks of the machine: a line in the system's log, mail, a script, another
// run level. Each may take its time, so each has a thread of its own meanwhile.

#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include <boost/asio/thread_pool.hpp>

#include "base/file_descriptor.h"
#include "server/space/space_options.h"

namespace server {

// Where auditd looks for it.
inline constexpr char kSendmail[] = "/usr/lib/sendmail";

// What an action is taken for. One of each runs at a time.
enum class ActionCause : uint8_t {
  kSpaceLeft,
  kAdminSpaceLeft,
  kDiskFull,
  kDiskError,
  kMaxLogFile
};
inline constexpr size_t kActionCauses = 5;

// "space_left" and so on.
std::string_view NameOf(ActionCause cause);

struct ActionRunnerOptions {
  // What tests put their own in place of. Nothing in a file or the environment does.
  std::string sendmail = kSendmail;
  std::string init = "/sbin/init";

  // Called on the threads of the runner, of which several may call at once. Empty: syslog(3).
  std::function<void(int priority, const std::string& text)> log;

  // Enough to copy what an archive takes in a few minutes. A script that takes longer should leave
  // its work to another process and end.
  std::chrono::seconds script_time_max{600};

  // A mailer queues what it cannot deliver; init is asked, not waited for.
  std::chrono::seconds program_time_max{60};
};

struct ActionRequest {
  ActionCause cause = ActionCause::kSpaceLeft;
  ChosenAction chosen;
  int priority = 0;  // Of the line in the system's log.
  std::string text;  // Of the line, and of the mail. Empty: no line.
  std::string mail_account = {};
  uint64_t free_bytes = 0;
};

// All but the constructor and the destructor may be called from any thread.
class ActionRunner {
 public:
  using Done = absl::AnyInvocable<void(const absl::Status&)>;

  explicit ActionRunner(ActionRunnerOptions options);

  // Programs that run go on alone.
  ~ActionRunner();

  // Writes the line, and then does what the action asks of the machine: nothing with ignore,
  // syslog, rotate, suspend and keep_logs. `done` is called on a thread of the runner, unless the
  // runner is destroyed before; its status is that of RunProgram(), or kFailedPrecondition for a
  // script that must not be run. False, and nothing is done, while the last action for this cause
  // goes on.
  //
  // A script gets no argument, and this environment:
  //   PATH=/usr/sbin:/usr/bin:/sbin:/bin  AUSPEX_CAUSE=space_left  AUSPEX_FREE_BYTES=73400320
  bool Run(ActionRequest request, Done done);

 private:
  absl::Status Take(const ActionRequest& request) const;
  absl::Status SendMail(const ActionRequest& request) const;

  const ActionRunnerOptions options_;
  base::FileDescriptor stop_;  // Readable at the end.
  std::mutex mutex_;           // Guards what follows.
  std::array<bool, kActionCauses> busy_{};
  boost::asio::thread_pool threads_{kActionCauses};
};

}  // namespace server
