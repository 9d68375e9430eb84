#include "server/space/space_keys.h"

#include <algorithm>
#include <netdb.h>
#include <optional>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "absl/strings/str_format.h"

#include "server/config_values.h"
#include "server/space/action_runner.h"
#include "server/space/script_check.h"
#include "server/space/space_stages.h"

namespace server {

namespace {

// auditd's limits.
constexpr uint32_t kLogsMax = 999;
constexpr uint32_t kPercentMax = 99;

// A terabyte is more than what can be in memory.
constexpr uint32_t kReserveMax = 1 << 20;

constexpr Choice<SpaceAction> kActions[] = {
    {"ignore", SpaceAction::kIgnore},     {"syslog", SpaceAction::kSyslog},
    {"email", SpaceAction::kEmail},       {"exec", SpaceAction::kExec},
    {"rotate", SpaceAction::kRotate},     {"suspend", SpaceAction::kSuspend},
    {"single", SpaceAction::kSingle},     {"halt", SpaceAction::kHalt},
    {"keep_logs", SpaceAction::kKeepLogs}};

constexpr Choice<DiskFullSignal> kSignals[] = {{"ending", DiskFullSignal::kEnding},
                                               {"diskfull", DiskFullSignal::kDiskFull}};

constexpr std::string_view kLimitValues = "a number of MB to 2147483647, or 1% to 99%";
constexpr std::string_view kSpaceActions =
    "ignore, syslog, rotate, email, exec /path-to-script, suspend, single, halt";
constexpr std::string_view kDiskActions =
    "ignore, syslog, rotate, exec /path-to-script, suspend, single, halt";
constexpr std::string_view kErrorActions =
    "ignore, syslog, exec /path-to-script, suspend, single, halt";
constexpr std::string_view kLogFileActions =
    "ignore, syslog, exec /path-to-script, suspend, rotate, keep_logs";

std::string SetLimit(std::string_view value, std::optional<SpaceLimit>* out) {
  SpaceLimit limit{.is_percent = value.ends_with('%')};
  if (limit.is_percent) value.remove_suffix(1);
  std::string wrong = limit.is_percent ? SetNumber(value, 1, kPercentMax, &limit.number)
                                       : SetNumber(value, 0, kIntMax, &limit.number);
  if (wrong.empty()) *out = limit;
  return wrong;
}

std::string ShowLimit(const std::optional<SpaceLimit>& limit, const char* none) {
  if (!limit) return none;
  return std::to_string(limit->number) + (limit->is_percent ? "%" : "");
}

// `allowed` is also the text for people: the words of it count.
std::string SetAction(std::string_view value, std::string_view allowed, ChosenAction* out) {
  const size_t blank = std::min(value.find(' '), value.size());
  ChosenAction chosen;
  std::string wrong = SetChoice(value.substr(0, blank), kActions, &chosen.action);
  if (!wrong.empty()) return wrong;
  const std::string word = WordFor(chosen.action, kActions);
  if (absl::StrFormat(", %s,", allowed).find(absl::StrFormat(" %s", word)) == std::string::npos) {
    return "not an action of this key";
  }
  const std::string_view script = value.substr(std::min(blank + 1, value.size()));
  const bool runs_script = chosen.action == SpaceAction::kExec;
  if (!runs_script && !script.empty()) return "only exec takes a path";
  if (runs_script && !script.starts_with('/')) return "exec wants an absolute path";
  chosen.script = script;
  *out = std::move(chosen);
  return {};
}

std::string ShowAction(const ChosenAction& chosen) {
  const std::string word = WordFor(chosen.action, kActions);
  return chosen.script.empty() ? word : word + " " + chosen.script;
}

std::string InspectScript(const ChosenAction& chosen) {
  if (chosen.action != SpaceAction::kExec) return {};
  return std::string(CheckScript(chosen.script).message());
}

// auditd refuses a file that asks for mail which nobody can send.
std::string InspectAction(const ChosenAction& chosen, const SpaceOptions& space) {
  const bool lacks_mailer =
      chosen.action == SpaceAction::kEmail && space.verify_email && access(kSendmail, X_OK) != 0;
  if (lacks_mailer) return absl::StrFormat("email needs %s, which cannot be run", kSendmail);
  return InspectScript(chosen);
}

// The characters that auditd takes, and "+". None of them means anything to a mailer.
std::string SetMailAccount(std::string_view value, std::string* out) {
  constexpr std::string_view kMarks = "@.-_+";
  constexpr size_t kBytesMax = 254;  // RFC 5321.
  const auto is_good = [&](char c) {
    const char lower = LowerCase(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != kMarks.npos;
  };
  if (value.size() > kBytesMax) return "too long";
  if (!std::ranges::all_of(value, is_good) || value.starts_with('-')) return "not a mail address";
  const size_t at = value.find('@');
  const bool has_bad_domain = at != value.npos && (at == 0 || at + 1 == value.size() ||
                                                   value.find('@', at + 1) != value.npos);
  if (has_bad_domain) return "not a mail address";
  *out = value;
  return {};
}

bool SendsMail(const SpaceOptions& space) {
  return space.space_left_action.action == SpaceAction::kEmail ||
         space.admin_space_left_action.action == SpaceAction::kEmail;
}

// As auditd: wrong only if the DNS says that there is no such domain.
std::string InspectMailAccount(const Config& config) {
  const SpaceOptions& space = config.space;
  const size_t at = space.action_mail_acct.find('@');
  if (!space.verify_email || !SendsMail(space) || at == std::string::npos) return {};
  addrinfo* found = nullptr;
  const int error = getaddrinfo(space.action_mail_acct.c_str() + at + 1, nullptr, nullptr, &found);
  if (error == 0) freeaddrinfo(found);
  return error == EAI_NONAME ? "there is no such domain" : "";
}

std::string_view RemarkMailAccount(const Config& config) {
  return SendsMail(config.space) ? "" : "counts only with an action email";
}

constexpr std::string_view kNotAbove = "space_left must be larger than admin_space_left";

// auditd refuses this too. Of MB and percent nothing can be said without the file system.
std::string_view ConflictLimits(const Config& config) {
  const auto& space_left = config.space.space_left;
  const auto& admin = config.space.admin_space_left;
  if (!space_left || !admin || space_left->is_percent != admin->is_percent) return "";
  return space_left->number > admin->number ? "" : kNotAbove;
}

std::string InspectLimits(const Config& config) {
  struct statvfs file_system {};
  const bool both_set = config.space.space_left && config.space.admin_space_left;
  if (!both_set || statvfs(config.store.store_dir.c_str(), &file_system) != 0) return {};
  const SpaceLimits limits =
      LimitsOf(config.space, uint64_t{file_system.f_blocks} * file_system.f_frsize);
  return std::string(limits.space_left > limits.admin_space_left ? "" : kNotAbove);
}

std::string_view RemarkLogFile(const Config& config) {
  if (config.space.honour_max_log_file) return "";
  return "counts only with honour_max_log_file = yes: one limit for the records of all hosts";
}

std::string_view RemarkLogFileLimit(const Config& config) {
  const SpaceOptions& space = config.space;
  if (!space.honour_max_log_file) return "";
  if (space.max_log_file == 0) return "there is no limit: max_log_file is 0";
  return "warning: the store may grow to max_log_file MB times num_logs, for all hosts together";
}

std::string_view RemarkSignal(const Config& config) {
  if (config.space.disk_full_signal == DiskFullSignal::kEnding) return "";
  return "warning: a stock client that is told DISKFULL or DISKERROR sends nothing any more until "
         "it is restarted or reloaded, and loses records";
}

std::string_view RemarkReserve(const Config& config) {
  if (config.space.reserve_space > 0) return "";
  return "warning: a disk that is full to the last byte may leave no room to delete";
}

constexpr HonouredKey kSpaceKeys[] = {
    {"space_left", kLimitValues,
     [](auto value, auto* c) { return SetLimit(value, &c->space.space_left); },
     [](const auto& c) { return ShowLimit(c.space.space_left, "5% of the file system"); },
     ConflictLimits, nullptr, InspectLimits},
    {"space_left_action", kSpaceActions,
     [](auto value, auto* c) {
       return SetAction(value, kSpaceActions, &c->space.space_left_action);
     },
     [](const auto& c) { return ShowAction(c.space.space_left_action); }, nullptr, nullptr,
     [](const auto& c) { return InspectAction(c.space.space_left_action, c.space); }},
    {"admin_space_left", kLimitValues,
     [](auto value, auto* c) { return SetLimit(value, &c->space.admin_space_left); },
     [](const auto& c) {
       return ShowLimit(c.space.admin_space_left,
                        "2% of the file system, at most half of space_left");
     },
     ConflictLimits},
    {"admin_space_left_action", kSpaceActions,
     [](auto value, auto* c) {
       return SetAction(value, kSpaceActions, &c->space.admin_space_left_action);
     },
     [](const auto& c) { return ShowAction(c.space.admin_space_left_action); }, nullptr, nullptr,
     [](const auto& c) { return InspectAction(c.space.admin_space_left_action, c.space); }},
    {"disk_full_action", kDiskActions,
     [](auto value, auto* c) { return SetAction(value, kDiskActions, &c->space.disk_full_action); },
     [](const auto& c) { return ShowAction(c.space.disk_full_action); }, nullptr, nullptr,
     [](const auto& c) { return InspectScript(c.space.disk_full_action); }},
    {"disk_error_action", kErrorActions,
     [](auto value, auto* c) {
       return SetAction(value, kErrorActions, &c->space.disk_error_action);
     },
     [](const auto& c) { return ShowAction(c.space.disk_error_action); }, nullptr, nullptr,
     [](const auto& c) { return InspectScript(c.space.disk_error_action); }},
    {"disk_full_signal", "ending, diskfull",
     [](auto value, auto* c) { return SetChoice(value, kSignals, &c->space.disk_full_signal); },
     [](const auto& c) { return WordFor(c.space.disk_full_signal, kSignals); }, nullptr,
     RemarkSignal},
    {"reserve_space", "a number of MB from 0 to 1048576",
     [](auto value, auto* c) { return SetNumber(value, 0, kReserveMax, &c->space.reserve_space); },
     [](const auto& c) { return std::to_string(c.space.reserve_space); }, nullptr, RemarkReserve},
    {"verify_email", "yes, no",
     [](auto value, auto* c) { return SetChoice(value, kYesNo, &c->space.verify_email); },
     [](const auto& c) { return WordFor(c.space.verify_email, kYesNo); }},
    {"action_mail_acct", "a mail address, or the name of an account of this machine",
     [](auto value, auto* c) { return SetMailAccount(value, &c->space.action_mail_acct); },
     [](const auto& c) { return c.space.action_mail_acct; }, nullptr, RemarkMailAccount,
     InspectMailAccount},
    {"honour_max_log_file", "yes, no",
     [](auto value, auto* c) { return SetChoice(value, kYesNo, &c->space.honour_max_log_file); },
     [](const auto& c) { return WordFor(c.space.honour_max_log_file, kYesNo); }, nullptr,
     RemarkLogFileLimit},
    {"max_log_file", "a number of MB from 0 to 2147483647",
     [](auto value, auto* c) { return SetNumber(value, 0, kIntMax, &c->space.max_log_file); },
     [](const auto& c) { return std::to_string(c.space.max_log_file); }, nullptr, RemarkLogFile},
    {"num_logs", "a number from 0 to 999",
     [](auto value, auto* c) { return SetNumber(value, 0, kLogsMax, &c->space.num_logs); },
     [](const auto& c) { return std::to_string(c.space.num_logs); }, nullptr, RemarkLogFile},
    {"max_log_file_action", kLogFileActions,
     [](auto value, auto* c) {
       return SetAction(value, kLogFileActions, &c->space.max_log_file_action);
     },
     [](const auto& c) { return ShowAction(c.space.max_log_file_action); }, nullptr, RemarkLogFile,
     [](const auto& c) { return InspectScript(c.space.max_log_file_action); }},
};

}  // namespace

std::span<const HonouredKey> SpaceKeys() { return kSpaceKeys; }

std::string NameOf(SpaceAction action) { return WordFor(action, kActions); }

}  // namespace server
