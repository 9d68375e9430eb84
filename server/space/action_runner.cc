#include "server/space/action_runner.h"

#include <cstdint>
#include <sys/eventfd.h>
#include <syslog.h>
#include <unistd.h>
#include <utility>

#include "absl/strings/str_format.h"
#include <boost/asio/post.hpp>

#include "server/space/child.h"
#include "server/space/script_check.h"

namespace server {

namespace {

// What one finds in a root's shell. What the collector was started with is nobody's business.
constexpr char kPath[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";

void LogToSystem(int priority, const std::string& text) {
  syslog(LOG_DAEMON | priority, "%s", text.c_str());
}

}  // namespace

std::string_view NameOf(ActionCause cause) {
  switch (cause) {
    case ActionCause::kSpaceLeft:
      return "space_left";
    case ActionCause::kAdminSpaceLeft:
      return "admin_space_left";
    case ActionCause::kDiskFull:
      return "disk_full";
    case ActionCause::kDiskError:
      return "disk_error";
    case ActionCause::kMaxLogFile:
      return "max_log_file";
  }
  return "";
}

ActionRunner::ActionRunner(ActionRunnerOptions options)
    : options_(std::move(options)), stop_(eventfd(0, EFD_CLOEXEC)) {}

ActionRunner::~ActionRunner() {
  const uint64_t one = 1;
  std::ignore = write(stop_.get(), &one, sizeof(one));
  threads_.join();
}

bool ActionRunner::Run(ActionRequest request, Done done) {
  {
    const std::lock_guard lock(mutex_);
    bool& is_busy = busy_[static_cast<size_t>(request.cause)];
    if (std::exchange(is_busy, true)) return false;
  }
  boost::asio::post(threads_,
                    [this, request = std::move(request), done = std::move(done)]() mutable {
                      const absl::Status taken = Take(request);
                      {
                        const std::lock_guard lock(mutex_);
                        busy_[static_cast<size_t>(request.cause)] = false;
                      }
                      if (!absl::IsCancelled(taken)) done(taken);
                    });
  return true;
}

absl::Status ActionRunner::Take(const ActionRequest& request) const {
  if (!request.text.empty())
    (options_.log ? options_.log : LogToSystem)(request.priority, request.text);
  switch (request.chosen.action) {
    case SpaceAction::kEmail:
      return SendMail(request);
    case SpaceAction::kExec: {
      const absl::Status safe = CheckScript(request.chosen.script);
      if (!safe.ok()) return safe;
      return RunProgram(
          {.path = request.chosen.script,
           .environment = {kPath, absl::StrFormat("AUSPEX_CAUSE=%s", NameOf(request.cause)),
                           absl::StrFormat("AUSPEX_FREE_BYTES=%d", request.free_bytes)},
           .time_max = options_.script_time_max},
          stop_.get());
    }
    case SpaceAction::kSingle:
    case SpaceAction::kHalt: {
      const bool halts = request.chosen.action == SpaceAction::kHalt;
      return RunProgram({.path = options_.init,
                         .arguments = {halts ? "0" : "1"},
                         .environment = {kPath},
                         .time_max = options_.program_time_max},
                        stop_.get());
    }
    default:
      return absl::OkStatus();
  }
}

// The receiver stands in the head of the mail (-t), so it is no argument.
absl::Status ActionRunner::SendMail(const ActionRequest& request) const {
  return RunProgram({.path = options_.sendmail,
                     .arguments = {"-t"},
                     .environment = {kPath},
                     .input = absl::StrFormat("To: %s\nFrom: root\nSubject: auspexd: %s\n\n%s\n"
                                              "The store of the audit records has %d MB left.\n",
                                              request.mail_account, NameOf(request.cause),
                                              request.text, request.free_bytes >> 20),
                     .time_max = options_.program_time_max},
                    stop_.get());
}

}  // namespace server
